// Package ws is the WebSocket endpoint: an http.Handler that admits a
// handshake for exactly one good credential and then runs an [Endpoint].
//
//	handler, err := ws.New(ws.Options{
//		Redeemer: service, // a *ticket.Service
//		Origins:  []string{"https://app.example.com"},
//		Endpoint: func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
//			return chat.Serve(ctx, conn, grant.Identity.Subject)
//		},
//	})
//
// # Order
//
// Method and handshake headers, Host, Origin, rate of the address, exactly
// one credential, its grammar, redemption, 101. All that can be refused
// without asking the [Redeemer] is refused before, so that a handshake that
// could not have worked spends no ticket. What is spent stays spent: a
// connection that breaks after the redemption needs a new ticket.
//
// Where there is no credential and [DoorFirstMessage] is open, the 101 comes
// before it, and the peer has [Options.AuthTimeout] to send one text frame that
// holds it. Nothing of the peer reaches the Endpoint before that, and it is
// gone 1.5 s after that time, whatever it does or does not do.
//
// # Answers
//
// A refusal is application/problem+json (RFC 9457) with fixed texts. Every
// ticket that is there but wrong gets the same answer, whatever is wrong with
// it, so that nobody can probe; the reason goes to the log only. With
// [Options.AcceptThenClose] a page sees a close code that says what to do.
//
// # Mounting
//
// The handler does not look at the path. Mount it with a router that matches
// exactly and never redirects: [http.ServeMux] answers //ws with a redirect to
// /ws that repeats the query, and with it the ticket. Do not wrap it in
// [http.TimeoutHandler], whose ResponseWriter cannot be hijacked.
//
// WebSockets are HTTP/1.1 here. Leave GODEBUG=http2xconnect unset: browsers
// that see RFC 8441 announced would try it.
package ws
