package ticket

import "time"

// SecurityEvent is what a security event token of an issuer asks for (OpenID CAEP 1.0).
type SecurityEvent struct {
	// Issuer is who sent it.
	Issuer string
	// Type is the URI of the event.
	Type string
	// Action is what becomes of the connections that Who matches. Empty: nothing
	// happens, and Who is empty, too.
	Action RevocationAction
	// Who names the user or session.
	Who Selector
	// TokenID is the jti of the token, which has an effect once.
	TokenID string
	// Before is when the event was, by the clock of the issuer: bearers that are not
	// newer are void.
	Before time.Time
	// UsableUntil is when the token is refused because of its age.
	UsableUntil time.Time
}
