package api

import (
	"fmt"
	"net/http"

	"wsticket/internal/handshake"
)

// sessionCookie returns the value of the one session cookie, if cookies count
// here at all. Two of the name, or a value that can be read in two ways, are a
// malformed request.
func (s *Server) sessionCookie(r *http.Request) (value string, found bool, err error) {
	if s.o.Sessions == nil {
		return "", false, nil
	}
	values, err := handshake.SessionCookies(r.Header["Cookie"], s.o.SessionCookie)
	switch {
	case err != nil, len(values) > 1:
		return "", false, fmt.Errorf("session cookie: %w", errCredentialShape)
	case len(values) == 0:
		return "", false, nil
	default:
		return values[0], true, nil
	}
}

// fromOurPage refuses a session cookie where the browser may have added it to
// a request that some other page has made (ASVS 3.5.1 to 3.5.3). An origin that
// is there has been allowed before. It has to be there, but for reading, where
// no browser tells a page's own origin; then no other site may have asked, as
// far as the browser says so. And what changes something by POST has the
// content type that a form cannot send, also with an empty body, so that
// another page would have had to ask by preflight.
//
// It comes before the session is looked up, so that such a request costs the
// application nothing.
func fromOurPage(r *http.Request, page string) error {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if page == "" && (!reads || fromElsewhere(r.Header["Sec-Fetch-Site"])) {
		return errSessionOrigin
	}
	if r.Method == http.MethodPost && !isType(r.Header["Content-Type"], typeJSON) {
		return errSessionType
	}
	return nil
}

// fromElsewhere reads Sec-Fetch-Site (Fetch Metadata 2.3), which older browsers
// and programs do not send.
func fromElsewhere(headers []string) bool {
	for _, value := range headers {
		if value != "same-origin" && value != "none" {
			return true
		}
	}
	return false
}
