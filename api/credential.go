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

// credential is the one of a request.
type credential struct {
	text ticket.Bearer
	// session tells that it came as a cookie, which a browser sends unasked.
	session bool
}

// credential returns the one bearer or session cookie of a request. A
// credential in the URL is refused even beside a good one (RFC 6750 2, 5.3).
// Beside a cookie every Authorization is a second one, whatever its scheme.
func (s *Server) credential(r *http.Request) (credential, error) {
	if err := checkQuery(r.URL.RawQuery, s.o.TicketParameter); err != nil {
		return credential{}, err
	}
	cookie, found, err := s.sessionCookie(r)
	if err != nil {
		return credential{}, err
	}
	headers := r.Header["Authorization"]
	switch {
	case found && len(headers) > 0:
		return credential{}, errCredentialShape
	case found:
		return credential{text: ticket.NewBearer(cookie), session: true}, nil
	}
	text, err := bearer(headers)
	return credential{text: text}, err
}

// bearer reads the Authorization headers. There must be one, with one
// credential of the scheme Bearer, after exactly one space. Other schemes are
// none that could be accepted here, which is to say that nothing came. What is
// in the wrong shape is an invalid request and no invalid token (RFC 6750 3.1).
func bearer(headers []string) (ticket.Bearer, error) {
	if len(headers) == 0 {
		return ticket.Bearer{}, errMissingCredential
	}
	// A comma joins what were two headers (RFC 9110 5.3), and is in no bearer.
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

// checkQuery refuses a query that holds a long-lived credential, or one that
// cannot be read in one way only. A ticket is refused too: it is a second
// credential, and not redeemed here.
func checkQuery(raw, ticketParameter string) error {
	var fault error
	for p := range parameters(raw) {
		switch {
		case strings.EqualFold(p.name, "access_token"), strings.EqualFold(p.name, "token"),
			jwtscan.Holds(p.name), jwtscan.Holds(p.value):
			return errCredentialInURL
		case p.broken, strings.EqualFold(p.name, ticketParameter):
			fault = fmt.Errorf("query: %w", errCredentialShape)
		}
	}
	return fault
}

// parameter is a part of a query, unescaped where its escapes are not broken.
type parameter struct {
	name, value string
	broken      bool
}

// parameters takes a query apart. Servers disagree on whether ";" separates;
// so it does here.
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

// unescape returns s as it is where its escapes are broken, so that it is
// still looked at.
func unescape(s string) (string, error) {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s, err
	}
	return plain, nil
}
