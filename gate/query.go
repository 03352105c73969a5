package gate

import (
	"log/slog"
	"net/url"
	"strings"
	"unicode"

	"wsticket/ticket"
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
	if err := checkParameters(raw, parameter); err != nil {
		return "", false, err
	}
	for pair := range strings.SplitSeq(raw, "&") {
		for piece := range strings.SplitSeq(pair, ";") {
			name, text, valued := strings.Cut(piece, "=")
			if PlainName(name) != parameter {
				continue
			}
			if found || !valued || name != parameter || piece != pair || strings.Contains(text, "%") {
				return "", false, ticket.WithAttrs(ErrQuery, slog.String("parameter", parameter), slog.String("fault", "not_once_and_literal"))
			}
			value, found = text, true
		}
	}
	return value, found, nil
}

// checkParameters refuses bearers and malformed escapes in all parameters.
func checkParameters(raw, ticketParameter string) error {
	var fault error
	for piece := range strings.FieldsFuncSeq(raw, isSeparator) {
		name, _, _ := strings.Cut(piece, "=")
		_, err := url.QueryUnescape(piece)
		switch {
		case HoldsJWT(piece), isBearerName(PlainName(name), ticketParameter):
			return ticket.WithAttrs(ErrCredentialInURL, ParameterAttr(name))
		case err != nil:
			fault = ticket.WithAttrs(ErrQuery, ParameterAttr(name), slog.String("fault", "malformed_escape"))
		}
	}
	return fault
}

// ParameterAttr names a parameter of a query in logs, unescaped: a bearer may stand
// in the place of the name, and [ticket.WithAttrs] has to see it.
func ParameterAttr(name string) slog.Attr {
	plain, err := url.QueryUnescape(name)
	if err != nil {
		plain = name
	}
	return slog.String("parameter", plain)
}

// isBearerName reports whether a parameter has a name that is used for bearers.
func isBearerName(name, ticketParameter string) bool {
	return name != ticketParameter && (name == "access_token" || name == "token")
}

func isSeparator(c rune) bool { return c == '&' || c == ';' }

// PlainName returns what a lenient reader might take the name of a parameter for:
// unescaped, trimmed, and in lower case.
func PlainName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return strings.Map(fold, strings.TrimSpace(name))
}

// fold maps the cases of a letter to one, and with them the letters that only
// some comparisons fold: to those by upper case, "t\u0131cket" is "TICKET".
func fold(c rune) rune { return unicode.ToLower(unicode.ToUpper(c)) }
