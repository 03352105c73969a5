package ticket

// Ending is how wsticket closes a connection: the status code and reason of a
// Close frame (RFC 6455 5.5.1). The zero Ending is none.
type Ending struct {
	Code   uint16
	Reason string
}

// The endings. Their codes are part of the wire contract: clients act on the
// code, people read the reason.
var (
	// EndDraining: the server stops. Reconnect with a new ticket.
	EndDraining = Ending{1001, "server is draining"}
	// EndIdle: nothing was sent for too long.
	EndIdle = Ending{1001, "idle"}
	// EndProtocolError: a frame that RFC 6455 forbids.
	EndProtocolError = Ending{1002, "protocol error"}
	// EndNotUTF8: a text message that is not UTF-8.
	EndNotUTF8 = Ending{1007, "not UTF-8"}
	// EndPolicy: the request was refused for its shape.
	EndPolicy = Ending{1008, "policy"}
	// EndReplaced: the same attempt opened another connection with the ticket.
	EndReplaced = EndPolicy
	// EndTooBig: a message above the limit.
	EndTooBig = Ending{1009, "too big"}
	// EndInternal: a fault of the service or of the application.
	EndInternal = Ending{1011, "server error"}
	// EndOverload: a limit is reached, or the store is away. Back off.
	EndOverload = Ending{1013, "overload"}
	// EndUpstreamFailed: the application cannot be reached. Back off.
	EndUpstreamFailed = Ending{1014, "upstream failed"}
	// EndAuthFailed: the credential was not accepted.
	EndAuthFailed = Ending{4001, "Authentication failed"}
	// EndAuthTimeout: the first message did not come in time.
	EndAuthTimeout = Ending{4001, "Authentication timeout"}
	// EndRevoked: the user was logged out or disabled. Sign in again.
	EndRevoked = Ending{4003, "wsticket: revoked"}
	// EndExpired: the bearer's lifetime ended. Get a fresh one.
	EndExpired = Ending{4008, "wsticket: the bearer's lifetime ended"}
	// EndRecheck: the bearer has to be shown again. Get a fresh one.
	EndRecheck = Ending{4008, "wsticket: show a fresh bearer"}
	// EndTooMany: the subject has too many connections. Back off.
	EndTooMany = Ending{4009, "wsticket: too many connections"}
	// EndDisplaced: a newer connection of the subject took this one's place. Stop.
	EndDisplaced = Ending{4010, "wsticket: replaced by a newer connection"}
)
