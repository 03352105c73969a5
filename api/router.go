package api

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
)

const ticketPath = "/ws-ticket"

// endpoint answers a request, or returns an error of the table in errors.go
// and has written nothing.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *Server) publicRouter() http.Handler {
	r := s.router(s.publicHost)
	s.route(r, http.MethodPost, ticketPath, s.authenticated(s.issue))
	s.route(r, http.MethodOptions, ticketPath, s.preflight(http.MethodPost))

	const receipt = ticketPath + "/{id}"
	s.route(r, http.MethodGet, receipt, s.authenticated(s.receipt))
	s.route(r, http.MethodDelete, receipt, s.authenticated(s.revoke))
	s.route(r, http.MethodOptions, receipt, s.preflight(http.MethodGet, http.MethodDelete))

	if s.o.KeySet != nil {
		s.route(r, http.MethodGet, keySetPath, s.keySet)
	}
	if s.o.WebSocket != nil {
		// GET alone: a HEAD that is served as a GET would spend the ticket of
		// a link that some scanner has found.
		r.Method(http.MethodGet, s.o.WSPath, named(s.o.WSPath, s.o.WebSocket))
	}
	return r
}

func (s *Server) internalRouter() http.Handler {
	r := s.router(s.internalHost, asking)
	s.route(r, http.MethodGet, "/livez", s.live)
	s.route(r, http.MethodGet, "/readyz", s.ready)
	s.route(r, http.MethodGet, "/openapi.yaml", s.openAPI)
	if s.o.Metrics != nil {
		s.route(r, http.MethodGet, "/metrics", s.metrics())
	}
	if s.o.Redeemer != nil {
		s.route(r, http.MethodPost, "/consume", s.keyed(scopeConsume, s.consume))
		s.route(r, http.MethodPost, "/introspect", s.keyed(scopeIntrospect, s.introspect))
		for _, c := range contracts() {
			r.Handle(c.pattern, s.handler(c.pattern, s.forward(c)))
		}
	}
	return r
}

func (s *Server) metrics() endpoint {
	show := func(w http.ResponseWriter, r *http.Request) error {
		s.o.Metrics.ServeHTTP(w, r)
		return nil
	}
	if !s.o.GuardMetrics {
		return show
	}
	return s.keyed(scopeRead, func(w http.ResponseWriter, r *http.Request, _ keyholder) error { return show(w, r) })
}

// router returns a router that has everything but routes. The client's
// address comes first because the access log asks for it; more comes before
// whatever may refuse. No path is ever cleaned or redirected: a Location would
// repeat the query, ticket and all.
func (s *Server) router(allowed func(host string) bool, more ...func(http.Handler) http.Handler) *chi.Mux {
	r := chi.NewRouter()
	r.Use(clientip.Middleware(s.o.TrustedProxies), accesslog.Middleware(s.o.Now, s.o.Sink))
	r.Use(more...)
	r.Use(s.headers, s.lastResort, s.host(allowed))
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, errNoRoute) })
	r.MethodNotAllowed(s.methodNotAllowed)
	return r
}

// route mounts e; where it answers GET it answers HEAD too (RFC 9110 9.3.2).
func (s *Server) route(r chi.Router, method, pattern string, e endpoint) {
	h := s.handler(pattern, e)
	r.Method(method, pattern, h)
	if method == http.MethodGet {
		r.Method(http.MethodHead, pattern, h)
	}
}

// handler answers what e refuses.
func (s *Server) handler(pattern string, e endpoint) http.Handler {
	return named(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := e(w, r); err != nil {
			s.refuse(w, r, err)
		}
	}))
}

// named notes which route a request has taken.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accesslog.NoteOf(r.Context()).Route = pattern
		next.ServeHTTP(w, r)
	})
}

// methodNotAllowed answers 405 with the methods that there are (RFC 9110
// 15.5.6). chi also comes here for a method that it does not know, whatever
// the path.
func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allow := methodsOf(r)
	if allow == "" {
		s.refuse(w, r, errNoRoute)
		return
	}
	w.Header().Set("Allow", allow)
	s.refuse(w, r, errMethod)
}

// methodsOf lists the methods of the path of r, for Allow. chi keeps them
// from a handler of one's own.
func methodsOf(r *http.Request) string {
	path := routePath(r)
	routes := chi.RouteContext(r.Context()).Routes
	var allow []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost} {
		if routes.Match(chi.NewRouteContext(), method, path) {
			allow = append(allow, method)
		}
	}
	return strings.Join(allow, ", ")
}

// routePath is what chi matches.
func routePath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}
