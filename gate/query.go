package gate

import (
	"net/url"
	"strings"

	"wsticket/internal/jwtscan"
)

// ticketInQuery finds the ticket in a raw query: the value of the one literal
// parameter. It compares bytes and decodes nothing of what it returns, because
// proxies in front, which redact or remove the ticket, do not decode either
// (net/url does: to it tick%65t is ticket).
//
// ErrQuery is: the parameter twice, without "=", under a name that only decodes
// or folds to it, with an escape in its value, or next to a ";", at which some
// split. It is also a malformed escape anywhere: some drop such a pair, some
// keep it. A semicolon elsewhere is part of a value.
//
// ErrCredentialInURL is a JWT anywhere in the query, or a parameter that is used
// for bearers (RFC 6750 2.3). It is reported before ErrQuery, because it tells
// the operator more.
func ticketInQuery(raw, parameter string) (value string, found bool, err error) {
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

// withoutTicket removes the ticket that [ticketInQuery] found, and leaves
// everything else as it is.
func withoutTicket(raw, parameter string) string {
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

// holdsBearerName reports whether a parameter has a name that is used for
// bearers.
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

// plainName returns what a lenient reader might take a name for.
func plainName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return strings.ToLower(strings.TrimSpace(name))
}
