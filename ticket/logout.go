package ticket

import "time"

// Logout is what a logout token of an issuer asks for (OpenID Connect Back-Channel
// Logout 1.0).
type Logout struct {
	// Who names the session or the user that is logged out.
	Who Selector
	// TokenID is the jti of the logout token, which may be used once.
	TokenID string
	// IssuedAt is its iat, by the clock of the issuer: bearers that are not newer are void.
	IssuedAt time.Time
	// UsableUntil is when the token is refused because of its age.
	UsableUntil time.Time
}
