package live

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"wsticket/ticket"
)

// Defaults of an [Issuer] and bounds of a revocation.
const (
	// DefaultLeeway and DefaultMaxLifetime are those of package auth.
	DefaultLeeway      = 5 * time.Second
	DefaultMaxLifetime = 24 * time.Hour
	// DefaultMaxRevocations is the default of Options.MaxRevocations.
	DefaultMaxRevocations = 200_000

	// maxSelector and maxReason bound the texts of a revocation, in bytes.
	maxSelector = 1 << 10
	maxReason   = 200
	// clockSkew is how far the clocks of two processes may differ.
	clockSkew = time.Minute
)

// Issuer is what has to be known of an issuer of bearers to revoke them.
type Issuer struct {
	// Name is its iss.
	Name string
	// Leeway is how far its clock may be ahead, and MaxLifetime how long its bearers
	// live at most.
	Leeway, MaxLifetime time.Duration
}

// Prepare checks a revocation and returns it with its defaults: the issuer where there
// is one only, ID, At, ExpiresAt, and Before, which is now plus the leeway of the
// issuer. [Registry.Revoke] does the same; call it to know them. The error wraps
// [ticket.ErrInvalidRequest], and [ticket.DetailOf] it says what to change.
func (r *Registry) Prepare(v ticket.Revocation) (ticket.Revocation, error) {
	now := r.o.Now()
	if issuers := r.settings.Load().issuers; v.Issuer == "" && v.TicketID == "" && len(issuers) == 1 {
		v.Issuer = issuers[0].Name
	}
	if err := r.checkSelector(v); err != nil {
		return v, err
	}
	issuer := r.issuer(v.Selector)
	if v.Before.IsZero() {
		v.Before = now.Add(issuer.Leeway)
	}
	if v.At.IsZero() {
		v.At = now
	}
	v.Before, v.At = v.Before.UTC().Truncate(time.Millisecond), v.At.UTC().Truncate(time.Millisecond)
	switch {
	case v.TicketID != "": // whatever its bearer
	case v.Before.After(now.Add(issuer.Leeway)):
		return v, invalid("before", "must not be in the future by more than the leeway of the issuer ("+issuer.Leeway.String()+")")
	case v.Before.Before(now.Add(-issuer.MaxLifetime)):
		return v, invalid("before", "must not be longer ago than a bearer of the issuer lives ("+issuer.MaxLifetime.String()+"): nothing so old is alive")
	}
	if v.ID == "" {
		v.ID = newRevocationID()
	}
	if v.ExpiresAt.IsZero() {
		v.ExpiresAt = now.Add(issuer.Leeway + issuer.MaxLifetime + clockSkew).UTC().Truncate(time.Millisecond)
	}
	return v, nil
}

// newRevocationID returns 128 random bits.
func newRevocationID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// checkSelector checks whom a revocation is about, and its other texts.
func (r *Registry) checkSelector(v ticket.Revocation) error {
	names := 0
	for _, member := range [...]struct{ name, text string }{
		{"sub", v.Subject}, {"sid", v.SessionID}, {"jti", v.TokenID}, {"ticket_id", string(v.TicketID)},
	} {
		if len(member.text) > maxSelector || strings.ContainsFunc(member.text, isControl) {
			return invalid(member.name, fmt.Sprintf("must be at most %d bytes without control characters", maxSelector))
		}
		if member.text != "" {
			names++
		}
	}
	switch {
	case names > 1:
		return invalid("sub", "only one of sub, sid, jti and ticket_id may be there")
	case v.TicketID != "" && v.Issuer != "":
		return invalid("iss", "must not be there with ticket_id, which names one ticket by itself")
	case v.TicketID == "" && v.Issuer == "":
		return invalid("iss", "required, because there is more than one issuer")
	case v.TicketID == "" && !r.isIssuer(v.Issuer):
		return ticket.WithAttrs(invalid("iss", "not an issuer of this service"), slog.String("issuer", v.Issuer))
	case !slices.Contains([]ticket.RevocationAction{ticket.RevokeEnd, ticket.RevokeRecheck, ticket.RevokeReplace}, v.Action):
		return invalid("action", "must be end or recheck")
	case v.Action == ticket.RevokeReplace && v.TicketID == "":
		return invalid("action", "replace is for one connection alone")
	case len(v.Reason) > maxReason || strings.ContainsFunc(v.Reason, isControl):
		return invalid("reason", fmt.Sprintf("must be at most %d bytes without control characters", maxReason))
	}
	return nil
}

// isControl reports whether a character is a control character, or stands for a byte that
// is not UTF-8, which a database would not take.
func isControl(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }

// isIssuer reports whether there may be bearers or connections of an issuer.
func (r *Registry) isIssuer(name string) bool {
	s := r.settings.Load()
	return len(s.issuers) == 0 && len(name) <= maxSelector || slices.ContainsFunc(s.all(), ofName(name))
}

// issuer returns what is known of the issuer that a selector names. For a ticket it
// has the longest times of all.
func (r *Registry) issuer(s ticket.Selector) Issuer {
	settings := r.settings.Load()
	if len(settings.issuers) == 0 {
		return Issuer{s.Issuer, DefaultLeeway, DefaultMaxLifetime}
	}
	var found Issuer
	for _, known := range settings.all() {
		if s.TicketID != "" || known.Name == s.Issuer {
			found.Leeway, found.MaxLifetime = max(found.Leeway, known.Leeway), max(found.MaxLifetime, known.MaxLifetime)
		}
	}
	return found
}

// invalid returns an error that says what is wrong with a member of a revocation.
func invalid(member, rule string) error {
	err := ticket.WithAttrs(fmt.Errorf("revocation: %w", ticket.ErrInvalidRequest), slog.String("member", member), slog.String("fault", rule))
	return ticket.WithDetail(err, member+": "+rule)
}
