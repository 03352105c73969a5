package ticket

import (
	"net/netip"
	"time"
)

// Identity is what a verified bearer proves. A user is identified by Issuer and
// Subject together (ASVS 10.3.3).
type Identity struct {
	Issuer  string
	Subject string
	// SessionID and TokenID are the bearer's sid and jti, empty if absent.
	SessionID string
	TokenID   string
	// ClientID is the client that the bearer was made for: its client_id or azp. It is
	// for the audit trail, and decides nothing. Empty if absent.
	ClientID string
	// Audience is the bearer's own, not that of a ticket.
	Audience []string
	// Scope is space-separated, as in RFC 6749 3.3.
	Scope string
	// Claims are those that the issuer's configuration names.
	Claims map[string]any
	// IssuedAt is the bearer's iat, or when an application vouched for a session:
	// a [Revocation] voids what is not later than its time. Zero counts as earlier
	// than any.
	IssuedAt time.Time
	// Cookies are those of a session that is looked at again while a connection lives;
	// otherwise they are zero. They are a secret: no [Event] has them.
	Cookies Bearer `json:"-"`
	// ExpiresAt is when the bearer expires. Connections that it opened end
	// then.
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
	// TTL may shorten the configured lifetime; nil means that lifetime. At least
	// 1 s.
	TTL *time.Duration
	// Origin, if not empty, must be presented again at redemption.
	Origin string
}

// Ticket is an issued ticket, as its owner gets it.
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

// Presentation is where and how a credential was presented.
type Presentation struct {
	// Door is where the credential was.
	Door Door
	// Audience is that of the endpoint; empty means the first configured one,
	// as it does in a [Request].
	Audience string
	// Origin is the canonical Origin header, empty if there was none.
	Origin string
	// ClientIP is the address of the client, zero if it is unknown.
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
	// Head is how far the stream of revocations had come when the store consumed
	// the ticket, zero if the store does not say. Whoever admits the grant must know
	// the stream up to there.
	Head Position
	// Issue is the span that the ticket was issued in, nil unless that was recorded. A
	// connection does not keep it.
	Issue *SpanRef `json:"-"`
}

// Receipt is what the owner of a ticket may read about it.
type Receipt struct {
	ID    ID
	State State
	// Reason says why it was refused, in a word of [Reason]. For a pending or
	// redeemed ticket it is why a later presentation was refused, which changed
	// nothing; see [Note].
	Reason string
	// At is when it was spent, or refused because it had expired. While pending it is the time of the [Note], zero if
	// there is none.
	At        time.Time
	ExpiresAt time.Time
}
