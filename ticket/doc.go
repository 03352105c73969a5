// Package ticket is the domain of wsticket: it exchanges an identity for a
// single-use ticket, and the ticket for a grant.
//
//	service, err := ticket.New(ticket.Options{Store: store})
//	issued, err := service.Issue(ctx, ticket.Request{Identity: identity})
//	grant, err := service.Redeem(ctx, issued.Token, ticket.Presentation{})
//
// A ticket has two names. Its [Token] is the secret that a client presents; it
// redacts itself wherever it is printed. Its [ID] is derived from the token by
// SHA-256, is safe in logs, and is all that a store sees.
//
// # Single use
//
// The live record in the [Store] is the capability: whoever turns it into a
// spent mark, in one atomic step, gets the grant, and nobody else. What makes a
// presentation wrong (another origin, another audience) is checked after that
// step, so a wrong presentation spends the ticket, too, and a thief cannot probe.
// A lost record, a lost reply and a store that does not answer are refusals.
//
// # Errors
//
// Every error wraps one of the sentinels of this package, and [Reason] names it
// in one word for logs and metrics. A client must not learn more than that its
// ticket was not accepted: [ErrMalformedToken], [ErrNotFound], [ErrExpired],
// [ErrSpent], [ErrRevoked], [ErrFenced], [ErrWrongAudience], [ErrWrongOrigin]
// and [ErrCorrupt] have to look the same to it.
//
// # Which part is for whom
//
// A program that issues and redeems needs [Service], [Options], [Request],
// [Ticket], [Token], [ID], [Identity], [Presentation], [Grant], [Receipt] and
// the errors. What happens reaches it as an [Event], by Options.Events;
// [LogSink] is a log of it.
//
// [Store], [Record], [Owner], [Entry], [Mark], [State] and [MaxAttempt] are for
// those who implement a store. [OptionErrors], [GrantOf], [NewID], [WithRequest],
// [Door] and [Ending] are for those who write another way in. Others can ignore
// both.
//
// The package imports nothing but the standard library.
package ticket
