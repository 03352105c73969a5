// Package api is the HTTP surface of wsticket: the public router, where
// clients get tickets and open WebSockets, and the internal one for backends,
// proxies, probes and scrapers. openapi.yaml describes both and is embedded.
//
// A Go program that only issues tickets needs no [Server], but the handler of
// [NewTicketHandler]:
//
//	tickets, err := ticket.New(ticket.Options{Store: store})
//	g, err := gate.New(gate.Options{Redeemer: tickets, Authenticator: users, Origins: origins})
//	h, err := api.NewTicketHandler(api.TicketOptions{Gate: g, Issuer: tickets, Receipts: tickets})
//	mux.Handle("/ws-ticket", h)
//	mux.Handle("/ws-ticket/", h)
//
// Every request passes the access log, the security headers, the recovery from
// panics and the check of its host before it is routed. Endpoints return errors.
// One table maps them to answers: that of package gate, preceded by the rows of
// refusals.go.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"wsticket/gate"
	"wsticket/internal/printable"
	"wsticket/ticket"
)

// Issuer issues tickets. [*ticket.Service] is one.
type Issuer interface {
	Issue(ctx context.Context, req ticket.Request) (ticket.Ticket, error)
}

// Receipts returns the receipt of a ticket to its owner, and revokes it for its
// owner. [*ticket.Service] is one. The error wraps [ticket.ErrNotFound] for
// tickets that are unknown, gone or somebody else's.
type Receipts interface {
	Lookup(ctx context.Context, id ticket.ID, who ticket.Identity) (ticket.Receipt, error)
	Revoke(ctx context.Context, id ticket.ID, who ticket.Identity) error
}

// Introspector returns the grant of a ticket without spending it.
// [*ticket.Service] is one.
type Introspector interface {
	Introspect(ctx context.Context, token ticket.Token) (ticket.Grant, error)
}

// Keyring knows the API keys. Lookup returns the holder of a key, whose scopes are
// of "consume", "introspect", "revoke" and "read"; ok reports whether the key is known.
type Keyring interface {
	Lookup(key string) (holder ticket.Keyholder, ok bool)
}

// Identifier makes the identity headers for an application. Names lists every
// header that it may set, X-Wsticket-Id and X-Wsticket-Expires among them; those
// that Headers leaves out are sent empty.
type Identifier interface {
	Headers(grant ticket.Grant) (http.Header, error)
	Names() []string
}

// DefaultWSPath is the path of the WebSocket if none is set.
const DefaultWSPath = "/ws"

// TicketOptions are what requests about tickets need: POST /ws-ticket, and GET
// and DELETE /ws-ticket/{id}, and renewals.
type TicketOptions struct {
	// Gate has the origins and hosts, the limit by address, and the verifiers
	// of bearers and session cookies. Required.
	Gate *gate.Gate
	// Issuer issues the tickets. Required.
	Issuer Issuer
	// Receipts reads and revokes them. Required.
	Receipts Receipts
	// Renewer serves POST /connections/{id}/renew. Nil: there is no such path.
	Renewer Renewer
	// PublicURL is where clients reach the service: http, https, ws or wss with
	// a host, and a path at most. The WebSocket URL in an answer begins with
	// it. Default: the Host of the request, with wss if it came over TLS.
	PublicURL string
	// WSPaths are the paths of the WebSocket. Each may have templates such as
	// {room}, which stand for one segment, and is matched with and without a
	// slash at its end. If audiences of Gate have paths, each of WSPaths is one of
	// them. The WebSocket URL in an answer has the first one without a template that
	// is for the audience of the ticket; if there is none, an answer has no URL.
	// Default: the paths of the audiences, or "/ws" alone if they have none.
	WSPaths []string
	// CORSHeaders are the names of request headers that pages of allowed origins
	// may send, in addition to Authorization, Content-Type, X-Request-Id,
	// X-Requested-With, Cache-Control and those of tracing (traceparent,
	// tracestate, baggage, sentry-trace). Default: none.
	CORSHeaders []string
	// SubjectLimit bounds the requests of each issuer and subject. Default: 10
	// a second. gate.NewRateLimiter(0, 0) is no limit.
	SubjectLimit gate.Limiter
	// Events gets a [ticket.EventRequest] for each request, with the reason if it
	// was refused. What is refused because of a limit goes to the events of Gate.
	// [ticket.LogSink] is a log. Default: none.
	Events ticket.Sink
	// Logger gets the faults of the service itself: panics and errors that are
	// answered 500. It never gets a credential. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Options are the parts and settings of a [Server].
type Options struct {
	TicketOptions

	// WebSocket serves GET on WSPaths. Nil: there are no such paths.
	WebSocket http.Handler

	// Introspector serves /introspect. Required.
	Introspector Introspector
	// Revoker serves /revocations. Nil: there is no such path.
	Revoker Revoker
	// Logouts serves POST /backchannel-logout on the public router. It needs Revoker
	// and Once. Nil: there is no such path.
	Logouts LogoutVerifier
	// SecurityEvents serves POST /security-events on the public router. It needs
	// Revoker and Once. Nil: there is no such path.
	SecurityEvents SecurityEventVerifier
	// Once remembers logout tokens and security events, each of which counts once.
	Once ticket.Once
	// Keys are the API keys of the internal router. Nil: there are none. A
	// client certificate that the listener has verified counts as a key with
	// every scope.
	Keys Keyring
	// KeyLimit bounds the requests without a good key or client certificate, by
	// the address of the peer. Requests with one are neither counted nor refused.
	// Default: 50 a second.
	KeyLimit gate.Limiter
	// ClientNames limits the client certificates that the listener has verified to
	// those that have one of these names: a URI or a DNS name, or the common name
	// where a certificate has neither. Default: every certificate.
	ClientNames []string
	// GuardMetrics requires a key with the scope "read" at /metrics.
	GuardMetrics bool
	// Identifier makes the identity headers of forward auth. Default:
	// X-Wsticket-Id and X-Wsticket-Expires alone.
	Identifier Identifier

	// Connections serves /connections. Nil: there are no such paths.
	Connections Connections
	// Feeds serves GET /endings, and notes what POST /consume grants. Nil: there is no
	// such path.
	Feeds Feeds
	// Replaced is closed when another Server has taken the place of this one while a
	// program runs. Then the streams of GET /endings end within two seconds, so that
	// their callers come back with their cursor, and are judged by that one. Nil: never.
	Replaced <-chan struct{}
	// Trail serves GET /audit. Nil: the answer is 404 and says so.
	Trail AuditTrail
	// Drain serves POST /drain. It closes all WebSockets after a delay, and returns
	// when they are closed. Nil: there is no such path.
	Drain Drain

	// KeySet is the JWK set of the keys that sign identity assertions, served at
	// /.well-known/jwks.json. Nil: there is no such path.
	KeySet []byte
	// Started returns an error until the service has all that it needs to do its
	// first work. Once it has returned nil it is not called again. It must return
	// when its context ends, which is after 1 s. Nil: started at once.
	Started func(context.Context) error
	// Ready returns an error while the service, which has started, takes no
	// requests: because it stops, or lacks what its operator requires. It must
	// return when its context ends, which is after 1 s. Nil: ready once started.
	//
	// Of both errors only the [ticket.DetailOf] is shown.
	Ready func(context.Context) error
	// Dependencies returns what /readyz?verbose shows. It must not wait. Nil:
	// nothing.
	Dependencies func() []Dependency
	// Home serves GET / on the public router, for people who open it in a browser.
	// Nil: there is no such path.
	Home http.Handler
	// Trial are further endpoints of the public router, which `wsticket dev` has for
	// its page. They are not part of the interface: openapi.yaml has none of them.
	Trial []Route
	// Metrics serves /metrics on the internal router. Nil: there is no such
	// path.
	Metrics http.Handler
	// Ops serves the page of the operators at /ops on the internal router, and its
	// files below that, to everybody who reaches it. Nil: there are no such paths.
	Ops http.Handler
	// Timelines serves GET /ops/tickets/{id} on the internal router. Nil: there is no
	// such path.
	Timelines Timelines
}

// Server holds the routers. It is safe for concurrent use.
type Server struct {
	o         Options
	publicURL *url.URL // nil: see TicketOptions.PublicURL
	public    http.Handler
	internal  http.Handler
	health    http.Handler
	started   atomic.Bool // Options.Started has returned nil
}

// New returns a Server. The error joins a [*ticket.OptionError] for each fault.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	faults := o.faults()
	faults.Check(o.Gate == nil || o.Gate.HasHosts(), "Gate", "must have hosts")
	faults.Check(o.Introspector != nil, "Introspector", "required")
	faults.Check(o.Logouts == nil || o.Once != nil && o.Revoker != nil, "Logouts", "needs Once and Revoker")
	faults.Check(o.SecurityEvents == nil || o.Once != nil && o.Revoker != nil, "SecurityEvents", "needs Once and Revoker")
	for _, name := range o.ClientNames {
		faults.Check(printable.IsName(name), "ClientNames", "must be names as a certificate has them (got %q)", name)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	s := newServer(o)
	s.public, s.internal, s.health = s.publicRouter(), s.internalRouter(), s.healthRouter()
	return s, nil
}

// NewTicketHandler returns a handler of POST and OPTIONS /ws-ticket, and of
// GET, DELETE and OPTIONS /ws-ticket/{id}, with CORS, limits, body rules and
// answers as the service has them. Mount it at "/ws-ticket" and "/ws-ticket/", and with
// a Renewer also at "/connections/".
// It is safe for concurrent use. The error joins a [*ticket.OptionError] for each
// fault.
func NewTicketHandler(o TicketOptions) (http.Handler, error) {
	all := Options{TicketOptions: o}.withDefaults()
	faults := all.faults()
	if err := faults.Err(); err != nil {
		return nil, err
	}
	s := newServer(all)
	r := s.router(s.publicHost)
	s.ticketRoutes(r)
	return r, nil
}

func newServer(o Options) *Server {
	s := &Server{o: o}
	if o.PublicURL != "" {
		s.publicURL, _ = url.Parse(o.PublicURL) // checked by faults
	}
	return s
}

// Public returns the handler of the public listener. The server that it is
// given to must set DisableGeneralOptionsHandler, or net/http itself answers
// "OPTIONS *".
func (s *Server) Public() http.Handler { return s.public }

// Internal returns the handler of the internal listener.
func (s *Server) Internal() http.Handler { return s.internal }

// Health returns the handler of a listener for probes: /livez, /startupz and
// /readyz, without a check of the host.
func (s *Server) Health() http.Handler { return s.health }
