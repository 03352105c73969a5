package handshake

import (
	"net/url"
	"strings"

	"wsticket/internal/jwtscan"
)

// TicketInQuery finds the ticket in a raw query: the value of the one literal
// parameter. It reads bytes and decodes nothing of what it returns, because
// what we redeem has to be what every proxy before us would have stripped or
// redacted, and they do not decode (net/url does: to it tick%65t is ticket).
//
// So ErrQuery is: the parameter twice, without "=", under a name that only
// decodes or folds to it, with an escape in its value, or beside a ";", at
// which some split. It is also an escape that is none, anywhere: some drop
// such a pair, some keep it. A semicolon elsewhere is part of a value.
//
// ErrCredentialInURL is a JWT anywhere in the query, or a parameter by which
// RFC 6750 2.3 and many imitators put a bearer into the URL. It goes first,
// for it tells the operator more.
func TicketInQuery(raw, parameter string) (value string, found bool, err error) {
	decoded, badEscape := url.QueryUnescape(raw)
	if jwtscan.Holds(raw) || jwtscan.Holds(decoded) || holdsBearerName(raw, parameter) {
		return "", false, ErrCredentialInURL
	}
	if badEscape != nil {
		return "", false, ErrQuery
	}
	for pair := range strings.SplitSeq(raw, "&") {
		for piece := range strings.SplitSeq(pair, ";") {
			name, text, valued := strings.Cut(piece, "=")
			if plainName(name) != parameter {
				continue
			}
			if found || !valued || name != parameter || piece != pair || strings.Contains(text, "%") {
				return "", false, ErrQuery
			}
			value, found = text, true
		}
	}
	return value, found, nil
}

// StripTicket removes the ticket that [TicketInQuery] has found, and leaves
// everything else as it is.
func StripTicket(raw, parameter string) string {
	if !strings.Contains(raw, parameter+"=") {
		return raw
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		if !strings.HasPrefix(pair, parameter+"=") {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// holdsBearerName tells whether a parameter has the name of a bearer.
func holdsBearerName(raw, parameter string) bool {
	for piece := range strings.FieldsFuncSeq(raw, isSeparator) {
		name, _, _ := strings.Cut(piece, "=")
		name = plainName(name)
		if name != parameter && (name == "access_token" || name == "token") {
			return true
		}
	}
	return false
}

func isSeparator(c rune) bool { return c == '&' || c == ';' }

// plainName is what a lenient reader might take a name for.
func plainName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return strings.ToLower(strings.TrimSpace(name))
}
