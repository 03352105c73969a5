// Package ticket is the domain of wsticket: it exchanges a proven identity
// for a single-use ticket, and the ticket for a grant.
//
// A ticket has two names. Its [Token] is the secret that a client presents;
// it redacts itself wherever it is printed. Its [ID] is derived from the
// token by SHA-256, is safe in logs, and is all that a store ever sees.
//
//	service, err := ticket.New(ticket.Options{Store: store})
//	issued, err := service.Issue(ctx, ticket.Request{Identity: identity})
//	grant, err := service.Redeem(ctx, issued.Token, ticket.Presentation{})
//
// # Single use
//
// The live record in the [Store] is the capability: whoever turns it into a
// spent mark, in one atomic step, has the grant, and nobody after them. What
// makes a presentation wrong (another origin, another audience) is checked
// after that step, so a wrong presentation has spent the ticket too, and a
// thief cannot probe. A lost record, a lost reply and a store that does not
// answer are all refusals.
//
// # Errors
//
// Every error wraps one of the sentinels of this package, and [Reason] names
// it for logs and metrics. A client must not be told more than that its
// ticket was not accepted: [ErrMalformedToken], [ErrNotFound], [ErrExpired],
// [ErrSpent], [ErrRevoked], [ErrFenced], [ErrWrongAudience],
// [ErrWrongOrigin] and [ErrCorrupt] have to look the same to it.
//
// The package imports nothing but the standard library.
package ticket
