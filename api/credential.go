package api

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"wsticket/gate"
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
// credential in the URL is refused even beside a good one (RFC 6750 2, 5.3). A
// bearer, which somebody has put there, goes before a cookie, which a browser
// sends by itself; so does Authorization of other schemes, which counts as none.
func (s *Server) credential(r *http.Request) (credential, error) {
	if err := checkQuery(r.URL.RawQuery, s.o.Gate.TicketParameter()); err != nil {
		return credential{}, err
	}
	text, err := bearer(r.Header)
	if !errors.Is(err, errMissingCredential) {
		return credential{text: text}, err
	}
	cookie, fault := s.o.Gate.SessionCookie(r.Header)
	switch {
	case fault != nil:
		return credential{}, fmt.Errorf("session: %w", fault)
	case cookie == "":
		return credential{}, err
	default:
		return credential{text: ticket.NewBearer(cookie), session: true}, nil
	}
}

// bearer returns the bearer in the Authorization headers. Other schemes count as
// no credential. A wrong shape is an invalid request, not an invalid token
// (RFC 6750 3.1).
func bearer(h http.Header) (ticket.Bearer, error) {
	text, err := gate.Bearer(h)
	switch {
	case err != nil:
		return ticket.Bearer{}, ticket.WithAttrs(fmt.Errorf("authorization: %w", errCredentialShape), slog.String("header", "Authorization"))
	case text == "":
		return ticket.Bearer{}, errMissingCredential
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
		name := gate.PlainName(p.name)
		switch {
		case name == "access_token", name == "token", gate.HoldsJWT(p.name), gate.HoldsJWT(p.value):
			return ticket.WithAttrs(errCredentialInURL, gate.ParameterAttr(p.name))
		case p.malformed, name == ticketParameter:
			fault = ticket.WithAttrs(fmt.Errorf("query: %w", errCredentialShape), gate.ParameterAttr(p.name))
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
