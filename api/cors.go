package api

import (
	"net/http"
	"slices"
	"strings"
)

// allowOrigin refuses pages of foreign origins, and sets the headers by which
// those of allowed ones may read the answer (Fetch 3.2). It returns the origin in
// canonical form, empty if the request has none. The list of origins is that of
// handshakes.
//
// Credentials mode "include" is allowed only if session cookies are accepted: a
// bearer stands in a header that the page sets itself. Fetch 3.2.5 does not allow
// it together with the origin "*", which is never used here.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request) (canonical string, err error) {
	h := w.Header()
	h.Add("Vary", "Origin")
	canonical, err = s.o.Gate.PageOrigin(r.Header)
	if err != nil || canonical == "" {
		return "", err
	}
	h.Set("Access-Control-Allow-Origin", canonical)
	if s.o.Gate.HasSessions() {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", "Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id")
	return canonical, nil
}

// corsHeaders are the request headers that every page of an allowed origin may
// send: those that are read here, and those that libraries and tracers add to
// each request of a page (Trace Context, Baggage, Sentry, jQuery, axios).
var corsHeaders = []string{
	"Authorization", "Content-Type", "X-Request-Id",
	"traceparent", "tracestate", "baggage", "sentry-trace", "X-Requested-With", "Cache-Control",
}

// preflight returns an endpoint for OPTIONS: a preflight request (Fetch 3.2.2)
// or any other. It lists all methods and headers that a page may send and leaves
// the comparison to the browser, so that the answer repeats nothing of the
// request.
func (s *Server) preflight(methods ...string) endpoint {
	mayUse := strings.Join(methods, ", ")
	maySend := strings.Join(slices.Concat(corsHeaders, s.o.CORSHeaders), ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := s.allowOrigin(w, r)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Allow", methodsOf(r))
		if page != "" {
			h.Set("Access-Control-Allow-Methods", mayUse)
			h.Set("Access-Control-Allow-Headers", maySend)
			h.Set("Access-Control-Max-Age", "600")
		}
		done(r, "preflight")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
