package ticket

// Door is the place in a handshake where a credential is.
type Door string

// The doors.
const (
	// DoorNone: no credential, or none of a scheme that is accepted anywhere.
	DoorNone Door = ""
	// DoorQuery is a query parameter with a ticket.
	DoorQuery Door = "query"
	// DoorSubprotocol is an entry "ticket.<token>" of Sec-WebSocket-Protocol.
	DoorSubprotocol Door = "subprotocol"
	// DoorHeader is Authorization with the scheme Ticket or Bearer.
	DoorHeader Door = "header"
	// DoorCookie is the session cookie.
	DoorCookie Door = "cookie"
	// DoorFirstMessage is the first message after a handshake without a
	// credential: {"type":"auth","token":"…"} with a ticket or a bearer.
	DoorFirstMessage Door = "first_message"
	// DoorConsume is POST /consume, by which a backend redeems a ticket. It is
	// no door of a handshake.
	DoorConsume Door = "consume"
)
