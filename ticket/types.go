package ticket

import (
	"net/netip"
	"time"
)

// Identity is what a verified bearer proves. Issuer and Subject together name
// a user; neither does so alone (ASVS 10.3.3).
type Identity struct {
	Issuer  string
	Subject string
	// SessionID and TokenID are the bearer's sid and jti, empty where absent.
	SessionID string
	TokenID   string
	// Audience is the bearer's own, not that of a ticket.
	Audience []string
	// Scope is space-separated, as in RFC 6749 3.3.
	Scope string
	// Claims are those that the issuer's configuration names.
	Claims map[string]any
	// ExpiresAt is the end of the bearer, and of what it opens.
	ExpiresAt time.Time
}

// Request asks for a ticket.
type Request struct {
	Identity Identity
	// Audience is the endpoint that the ticket is for; empty means the first
	// configured one.
	Audience string
	// Scope may narrow the identity's; empty means all of it.
	Scope string
	// TTL may shorten the configured lifetime; nil means that lifetime.
	TTL *time.Duration
	// Origin, where not empty, must be presented again at redemption.
	Origin string
}

// Ticket is what its owner gets.
type Ticket struct {
	Token Token
	ID    ID
	// Lifetime counts from issue to ExpiresAt.
	Lifetime  time.Duration
	ExpiresAt time.Time
	// ConnectionExpiresAt is when a connection that it opens has to end.
	ConnectionExpiresAt time.Time
	Audience            string
	Scope               string
}

// Presentation is what arrives with a token at redemption.
type Presentation struct {
	// Transport names the way in: "query", "subprotocol", "header", …
	Transport string
	// Audience is that of the endpoint; empty means the first configured one,
	// as it does in a [Request].
	Audience string
	// Origin is the canonical Origin header, empty where there was none.
	Origin   string
	ClientIP netip.Addr
	// Attempt names this handshake attempt, at most [MaxAttempt] bytes.
	Attempt string
}

// Grant is what a redemption yields.
type Grant struct {
	ID       ID
	Identity Identity
	Audience string
	Scope    string
	// Origin is the one that the ticket was bound to, if any.
	Origin string
	// ConnectionExpiresAt is when the connection has to end.
	ConnectionExpiresAt time.Time
}

// Receipt is what the owner of a ticket may read about it.
type Receipt struct {
	ID    ID
	State State
	// Reason says why it was refused, in a word of [Reason].
	Reason string
	// At is when it was spent; zero while pending.
	At        time.Time
	ExpiresAt time.Time
}

// Action names what an [Event] is about.
type Action string

// The actions of a [Service].
const (
	ActionIssue  Action = "issue"
	ActionRedeem Action = "redeem"
	ActionRevoke Action = "revoke"
)

// Event is one thing that a [Service] did or refused to do. It holds no
// secret; what of the identity may be written down is the observer's matter.
type Event struct {
	Action Action
	// At is the start, Took the time until the answer.
	At   time.Time
	Took time.Duration
	// ID is empty where a request to issue was refused.
	ID ID
	// Identity is zero where a redemption was refused before the grant.
	Identity     Identity
	Presentation Presentation
	// Retried tells that the same attempt had redeemed the ticket before.
	Retried bool
	// Err is nil for what was done; see [Reason].
	Err error
}
