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
// Nothing allows credentials mode "include": a bearer is in a header that the
// page sets itself.
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
