package api

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"wsticket/internal/jwtscan"
	"wsticket/internal/token68"
	"wsticket/ticket"
)

// credential is the bearer or session cookie of a request.
type credential struct {
	text ticket.Bearer
	// session reports whether it came as a cookie, which a browser adds to
	// requests of any page.
	session bool
}

// credential returns the one bearer or session cookie of a request. A
// credential in the URL is refused even beside a good one (RFC 6750 2, 5.3).
// Beside a cookie every Authorization is a second one, whatever its scheme.
func (s *Server) credential(r *http.Request) (credential, error) {
	if err := checkQuery(r.URL.RawQuery, s.o.Gate.TicketParameter()); err != nil {
		return credential{}, err
	}
	cookie, err := s.o.Gate.SessionCookie(r.Header)
	if err != nil {
		return credential{}, fmt.Errorf("session cookie: %w", errCredentialShape)
	}
	headers := r.Header["Authorization"]
	switch {
	case cookie != "" && len(headers) > 0:
		return credential{}, errCredentialShape
	case cookie != "":
		return credential{text: ticket.NewBearer(cookie), session: true}, nil
	}
	text, err := bearer(headers)
	return credential{text: text}, err
}

// bearer returns the bearer in the Authorization headers. There must be one
// header, with the scheme Bearer, exactly one space and one credential. Another
// scheme counts as no credential. A wrong shape is an invalid request, not an
// invalid token (RFC 6750 3.1).
func bearer(headers []string) (ticket.Bearer, error) {
	if len(headers) == 0 {
		return ticket.Bearer{}, errMissingCredential
	}
	// A comma may join two headers (RFC 9110 5.3). No bearer has one.
	if len(headers) > 1 || strings.Contains(headers[0], ",") {
		return ticket.Bearer{}, errCredentialShape
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return ticket.Bearer{}, errMissingCredential
	case !token68.Valid(text):
		return ticket.Bearer{}, errCredentialShape
	default:
		return ticket.NewBearer(text), nil
	}
}

// checkQuery refuses a query that holds a long-lived credential, and one that
// can be read in more than one way. It refuses a ticket too: that is a second
// credential, and is not redeemed here.
func checkQuery(raw, ticketParameter string) error {
	var fault error
	for p := range parameters(raw) {
		switch {
		case strings.EqualFold(p.name, "access_token"), strings.EqualFold(p.name, "token"),
			jwtscan.Holds(p.name), jwtscan.Holds(p.value):
			return errCredentialInURL
		case p.malformed, strings.EqualFold(p.name, ticketParameter):
			fault = fmt.Errorf("query: %w", errCredentialShape)
		}
	}
	return fault
}

// parameter is a part of a query. Its name and value are unescaped, unless their
// escapes are malformed.
type parameter struct {
	name, value string
	malformed   bool
}

// parameters yields the parts of a query. Some servers split it at ";" too, so
// this does.
func parameters(raw string) iter.Seq[parameter] {
	return func(yield func(parameter) bool) {
		for pair := range strings.FieldsFuncSeq(raw, func(c rune) bool { return c == '&' || c == ';' }) {
			name, value, _ := strings.Cut(pair, "=")
			name, nameErr := unescape(name)
			value, valueErr := unescape(value)
			if !yield(parameter{name, value, nameErr != nil || valueErr != nil}) {
				return
			}
		}
	}
}

// unescape returns s unchanged together with an error if its escapes are
// malformed, so that it can be searched all the same.
func unescape(s string) (string, error) {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s, err
	}
	return plain, nil
}
