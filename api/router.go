package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

const ticketPath = "/ws-ticket"

// endpoint answers a request, or returns an error and has answered nothing.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *Server) publicRouter() http.Handler {
	r := s.router(s.publicHost)
	s.ticketRoutes(r)
	if s.o.Home != nil {
		s.route(r, http.MethodGet, "/", s.home)
	}
	for _, added := range s.o.Trial {
		s.route(r, added.Method, added.Pattern, added.served)
	}
	if s.o.KeySet != nil {
		s.route(r, http.MethodGet, keySetPath, s.keySet)
	}
	if s.o.Logouts != nil {
		s.route(r, http.MethodPost, logoutPath, bounded(s.logout))
	}
	if s.o.SecurityEvents != nil {
		s.route(r, http.MethodPost, securityEventsPath, bounded(s.securityEvent))
	}
	if s.o.WebSocket != nil {
		s.mountSockets(r)
	}
	return r
}

func (s *Server) ticketRoutes(r chi.Router) {
	s.route(r, http.MethodPost, ticketPath, s.authenticated(s.issue))
	s.route(r, http.MethodOptions, ticketPath, s.preflight(http.MethodPost))

	const receipt = ticketPath + "/{id}"
	s.route(r, http.MethodGet, receipt, s.authenticated(s.receipt))
	s.route(r, http.MethodDelete, receipt, s.authenticated(s.revoke))
	s.route(r, http.MethodOptions, receipt, s.preflight(http.MethodGet, http.MethodDelete))
	if s.o.Renewer != nil {
		s.renewRoutes(r)
	}
}

func (s *Server) internalRouter() http.Handler {
	r := s.router(s.internalHost, asking)
	s.probeRoutes(r, s.readyWithQuery)
	s.route(r, http.MethodGet, "/openapi.yaml", s.openAPI)
	if s.o.Metrics != nil {
		s.route(r, http.MethodGet, "/metrics", s.metrics())
	}
	s.route(r, http.MethodPost, "/consume", s.keyed(scopeConsume, s.consume))
	s.route(r, http.MethodPost, "/introspect", s.keyed(scopeIntrospect, s.introspect))
	if s.o.Revoker != nil {
		s.route(r, http.MethodPost, "/revocations", s.keyed(scopeRevoke, s.revocations))
	}
	if s.o.Connections != nil {
		s.route(r, http.MethodGet, "/connections", s.keyedQuery(scopeRead, s.connections))
		s.route(r, http.MethodDelete, "/connections/{id}", s.keyed(scopeRevoke, s.disconnect))
	}
	s.route(r, http.MethodGet, auditPath, s.keyedQuery(scopeRead, s.audit))
	if s.o.Feeds != nil {
		s.route(r, http.MethodGet, "/endings", s.endings)
	}
	if s.o.Drain != nil {
		s.route(r, http.MethodPost, "/drain", s.drain)
	}
	s.opsRoutes(r)
	for _, c := range contracts {
		r.Handle(c.pattern, s.handler(c.pattern, s.forward(c)))
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

// home serves GET /.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	done(r, "ok")
	s.o.Home.ServeHTTP(w, r)
	return nil
}

// Route is an endpoint. Pattern is as chi has it. Serve answers a request, or returns
// an error and has answered nothing: the error is answered as one of this package is.
type Route struct {
	Method, Pattern string
	Serve           func(w http.ResponseWriter, r *http.Request) error
}

// served is Serve, with its outcome in the access log.
func (a Route) served(w http.ResponseWriter, r *http.Request) error {
	err := a.Serve(w, r)
	if err == nil {
		done(r, "ok")
	}
	return err
}

// router returns a router with all middleware and no routes. The access log
// comes first, and more comes before everything that may refuse a request. No
// path is cleaned or redirected: a Location would repeat the query, and with it
// the ticket.
func (s *Server) router(allowed func(*http.Request) bool, more ...func(http.Handler) http.Handler) *chi.Mux {
	r := chi.NewRouter()
	r.Use(s.o.Gate.Observe(s.o.Events, s.o.Now))
	r.Use(more...)
	r.Use(s.headers, s.recovery, s.host(allowed))
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, errNoRoute) })
	r.MethodNotAllowed(s.methodNotAllowed)
	return r
}

// route mounts e. What answers GET answers HEAD as well (RFC 9110 9.3.2).
func (s *Server) route(r chi.Router, method, pattern string, e endpoint) {
	h := s.handler(pattern, e)
	r.Method(method, pattern, h)
	if method == http.MethodGet {
		r.Method(http.MethodHead, pattern, h)
	}
}

// handler returns e as a handler, which answers its errors and notes its route.
func (s *Server) handler(pattern string, e endpoint) http.Handler {
	return named(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := e(w, r); err != nil {
			s.refuse(w, r, err)
		}
	}))
}

// requestInfo names a request in events.
func requestInfo(r *http.Request, clientIP netip.Addr) ticket.RequestInfo {
	ctx := r.Context()
	note, trace := accesslog.NoteOf(ctx), accesslog.TraceOf(ctx)
	return ticket.RequestInfo{
		ID: accesslog.RequestID(ctx), Caller: note.Caller, ClientIP: clientIP, Route: note.Route, UserAgent: accesslog.UserAgent(ctx),
		TraceID: trace.TraceID, SpanID: trace.ID, Sampled: trace.Sampled(),
	}
}

// requestContext returns the context of a request with its RequestInfo.
func requestContext(r *http.Request, clientIP netip.Addr) context.Context {
	return ticket.WithRequest(r.Context(), requestInfo(r, clientIP))
}

// named returns next as a handler that notes the route of its requests.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accesslog.NoteOf(r.Context()).Route = pattern
		next.ServeHTTP(w, r)
	})
}

// methodNotAllowed answers 405 with the methods of the path (RFC 9110 15.5.6),
// and 404 if it has none: chi calls it for every path if it does not know the
// method.
func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allow := methodsOf(r)
	if allow == "" {
		s.refuse(w, r, errNoRoute)
		return
	}
	w.Header().Set("Allow", allow)
	s.refuse(w, r, errMethod)
}

// methodsOf returns the methods of the path of r, for Allow. A MethodNotAllowed
// handler does not get them from chi.
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

// routePath returns the path that chi matches.
func routePath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}
