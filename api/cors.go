package api

import (
	"net/http"
	"strings"

	"wsticket/internal/origin"
)

// allowOrigin refuses pages of other origins, and lets those that are allowed
// read the answer (Fetch 3.2). It is the same list that the WebSocket is
// checked against. The canonical origin is empty where there is none.
//
// Credentials mode "include" is allowed where there are session cookies, and
// nowhere else: a bearer is in a header that the page sets itself. The origin
// is then a whole one as ever, which Fetch 3.2.5 demands.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request) (canonical string, err error) {
	h := w.Header()
	h.Add("Vary", "Origin")
	value, present, ok := origin.FromRequest(r)
	if !ok {
		return "", errOrigin
	}
	if !present {
		return "", nil
	}
	canonical, ok = s.o.Origins.Allows(value)
	if !ok {
		return "", errOrigin
	}
	h.Set("Access-Control-Allow-Origin", canonical)
	if s.o.Sessions != nil {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", "Location, Retry-After, X-Request-Id")
	return canonical, nil
}

// preflight answers the question whether a page may send methods, and any
// other OPTIONS. It says all that may be sent and leaves the comparison to the
// browser, so that nothing of the question is repeated.
func (s *Server) preflight(methods ...string) endpoint {
	mayUse := strings.Join(methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := s.allowOrigin(w, r)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Allow", methodsOf(r))
		if page != "" {
			h.Set("Access-Control-Allow-Methods", mayUse)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id")
			h.Set("Access-Control-Max-Age", "600")
		}
		done(r, "preflight")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
