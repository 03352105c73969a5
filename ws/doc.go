// Package ws is the WebSocket endpoint: an http.Handler that admits a
// handshake for exactly one good credential, and then runs an [Endpoint] in
// this process or relays the connection to an [Upstream].
//
//	judge, err := gate.New(gate.Options{
//		Redeemer: tickets, // a *ticket.Service
//		Origins:  []string{"https://app.example.com"},
//	})
//	handler, err := ws.New(ws.Options{
//		Gate: judge,
//		Endpoint: func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
//			return chat.Serve(ctx, conn, grant.Identity.Subject)
//		},
//	})
//
// # States of a handshake
//
//	          gate.Check: shape, Host, Origin, limits, one credential, its grammar
//	                |
//	    .-----------+------------------------.
//	    | it is in the handshake             | there is none, and the door
//	    v                                    v first_message is open
//	gate.Admit: the ticket is spent      101: accepted
//	    |                                    | Options.AuthTimeout for one text frame
//	    |                                    v
//	    |                                gate.Admit: the ticket is spent
//	    |                                    |
//	    | Upstream: it is asked              | auth_ok; Upstream: it is asked
//	    v                                    v
//	101: connected                       connected
//
// From each state the handshake may be refused: before its 101 by a problem
// (RFC 9457), or with [Options.AcceptThenClose] by a 101 and a Close frame, and
// after its 101 by auth_fail and a Close frame. A refusal is a
// [ticket.EventRefuse] or [ticket.EventLimit]; after the 101 it has
// AfterUpgrade. Whatever its result, each handshake is one
// [ticket.EventRequest] with outcome and reason, the line of an access log.
//
// What can be refused without spending the ticket is refused before. A spent
// ticket is never given back: if the connection breaks after gate.Admit, the
// client needs a new one. Nothing that the client sends reaches the application
// before the client is admitted, and a connection that is not admitted is
// closed 1.5 s after AuthTimeout at the latest, whatever client and store do.
//
// # States of a connection
//
//	           the socket breaks (1006), the Endpoint returns,
//	           or a Close frame comes from either side
//	        .-----------------------------------------------.
//	        |                                               v
//	      open --------------> closing ----------------> closed
//	EventConnect      ConnectionExpiresAt (4008),     EventDisconnect
//	                  a drain (1001), a newer
//	                  connection of the ticket (1008),
//	                  or a broken frame (1002)
//
// A connection is counted in [live.Registry] from its admission until its socket is
// closed. Closing takes a second at most; a peer that has not answered
// the Close frame by then is cut. The EventDisconnect comes before the registry
// forgets the connection, so that a drain that returned has reported everything.
//
// Frames that RFC 6455 forbids reach neither an Endpoint nor the application
// behind an Upstream. The event says which rule was broken, and by whom.
//
// ConnectionExpiresAt ends connections of an Endpoint and relayed ones alike. It
// holds by the clock of the machine and by the time that has passed: after a
// sleep, what is over ends within a second.
//
// # Answers
//
// Each refusal has fixed texts. Every ticket that is there but wrong gets the
// same answer, whatever is wrong with it, so that nobody can probe; the reason
// is in the event only. With [Options.AcceptThenClose] a page sees a close code
// that says what to do.
//
// # Mounting
//
// The handler does not look at the path. Mount it with a router that matches
// exactly and never redirects: [http.ServeMux] answers //ws with a redirect to
// /ws that repeats the query, and with it the ticket. Do not wrap it in
// [http.TimeoutHandler], whose ResponseWriter cannot be hijacked. It needs no
// middleware in front: the client's address and the limits are the gate's, and
// the access log is that of [Options.Events].
//
// WebSockets are HTTP/1.1 here. Leave GODEBUG=http2xconnect unset: browsers
// that see RFC 8441 announced would try it.
package ws
