// Package api is the HTTP surface of wsticket: the public router, where
// clients get tickets and open WebSockets, and the internal one for backends,
// proxies, probes and scrapers. openapi.yaml describes both and is embedded.
//
// A request passes the access log, the security headers, the last resort for
// panics and the host check before it is routed; each endpoint then has a
// file of its own. Endpoints return errors, and one table (errors.go) says
// what is answered to each.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/handshake"
	"wsticket/internal/limit"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

// Issuer makes tickets; [ticket.Service] is one.
type Issuer interface {
	Issue(ctx context.Context, req ticket.Request) (ticket.Ticket, error)
}

// Receipts tells owners about their tickets; [ticket.Service] does. Unknown,
// gone and other people's tickets alike are [ticket.ErrNotFound].
type Receipts interface {
	Lookup(ctx context.Context, id ticket.ID, who ticket.Identity) (ticket.Receipt, error)
	Revoke(ctx context.Context, id ticket.ID, who ticket.Identity) error
}

// Authenticator tells whose a bearer is. Its error wraps
// [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where that cannot be
// told now.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error)
}

// Redeemer spends tickets on behalf of other programs, and looks at them;
// [ticket.Service] is one. Its error wraps a sentinel of package ticket, and
// whatever it is, nobody is admitted.
type Redeemer interface {
	Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error)
	Introspect(ctx context.Context, token ticket.Token) (ticket.Grant, error)
}

// Keyring tells whose an API key is and what it may be used for: "consume",
// "introspect", "read".
type Keyring interface {
	Lookup(key string) (name string, scopes []string, ok bool)
}

// Identifier tells an application who is there, in headers. Names lists all
// that there may be, X-Wsticket-Id and X-Wsticket-Expires among them; those
// that Headers leaves out are answered empty.
type Identifier interface {
	Headers(grant ticket.Grant) (http.Header, error)
	Names() []string
}

// Options are the parts and settings of a [Server].
type Options struct {
	// Issuer, Receipts and Authenticator are required.
	Issuer        Issuer
	Receipts      Receipts
	Authenticator Authenticator

	// Sessions tells whose a session cookie is; with nil there are none. Its
	// errors are those of an Authenticator.
	Sessions Authenticator
	// SessionCookie is the name of the cookie. Required with Sessions.
	SessionCookie string

	// Origins are the web origins whose pages may call; nil is none. Callers
	// without an Origin header are no browsers and need not be listed.
	Origins *origin.List
	// Hosts are the names by which the service may be addressed. Required.
	Hosts *origin.Hosts
	// PublicURL is where clients reach the service, with scheme http, https,
	// ws or wss; it begins the WebSocket URL that is handed out. With nil that
	// is made of the request: of its Host, and of whether it came over TLS.
	PublicURL *url.URL
	// WSPath is the path of the WebSocket. Default "/ws".
	WSPath string
	// TicketParameter is the query parameter that takes a ticket there.
	// Default "ticket".
	TicketParameter string
	// WebSocket serves GET on WSPath; with nil there is no such path.
	WebSocket http.Handler

	// SubjectLimit and AddressLimit bound the requests about tickets of each
	// issuer and subject, and of each client address; nil is no limit.
	SubjectLimit *limit.Limiter
	AddressLimit *limit.Limiter
	// TrustedProxies may say in X-Forwarded-For who the client is, and need no
	// key for forward auth.
	TrustedProxies []netip.Prefix

	// Redeemer serves /consume, /introspect and forward auth on the internal
	// router; with nil there are none of them.
	Redeemer Redeemer
	// Keys are those of the callers of the internal router; nil is none. A
	// client certificate that the listener has verified is as good as a key
	// with every scope.
	Keys Keyring
	// KeyLimit bounds the requests without a good key, of each peer address
	// there. An address that has reached it is not listened to, good key or
	// not. Nil is no limit.
	KeyLimit *limit.Limiter
	// GuardMetrics asks for a caller with the scope "read" at /metrics.
	GuardMetrics bool
	// Audiences are the endpoints that a ticket may be for; the first is the
	// default. Default: [ticket.DefaultAudience].
	Audiences []string
	// Doors are those at which forward auth takes a credential. Default:
	// query, subprotocol and header.
	Doors []handshake.Door
	// AllowMissingOrigin lets handshakes without an Origin header pass in
	// forward auth, unless a cookie is all that they bring.
	AllowMissingOrigin bool
	// Identifier makes the identity headers of forward auth; with nil they
	// are X-Wsticket-Id and X-Wsticket-Expires.
	Identifier Identifier

	// KeySet is the JWK set of the keys that identity assertions are signed
	// with, served at /.well-known/jwks.json; with nil there is no such path.
	KeySet []byte
	// Ready tells whether the service can do its work. It must return when its
	// context ends, which is after 1 s. Nil is always ready.
	Ready func(context.Context) error
	// Metrics serves /metrics on the internal router; with nil there is no
	// such path.
	Metrics http.Handler

	// Sink takes an entry for each request. It must not block.
	Sink func(context.Context, accesslog.Entry)
	// Logger takes faults of the service itself. Default: discarded.
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Server holds the two routers. It is safe for concurrent use.
type Server struct {
	o            Options
	doors        handshake.Doors
	forwardedFor func(*http.Request) netip.Addr
	public       http.Handler
	internal     http.Handler
}

// New returns a Server, or an error that lists every fault of o.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{o: o, doors: o.openDoors(), forwardedFor: clientip.Forwarded(o.TrustedProxies)}
	s.public, s.internal = s.publicRouter(), s.internalRouter()
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.WSPath == "" {
		o.WSPath = "/ws"
	}
	if o.TicketParameter == "" {
		o.TicketParameter = "ticket"
	}
	if len(o.Audiences) == 0 {
		o.Audiences = []string{ticket.DefaultAudience}
	}
	if len(o.Doors) == 0 {
		o.Doors = []handshake.Door{handshake.DoorQuery, handshake.DoorSubprotocol, handshake.DoorHeader}
	}
	if o.Identifier == nil {
		o.Identifier = plainIdentifier{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Public returns the handler of the public listener. The server that it is
// given to must set DisableGeneralOptionsHandler, or net/http answers
// "OPTIONS *" by itself.
func (s *Server) Public() http.Handler { return s.public }

// Internal returns the handler of the internal listener.
func (s *Server) Internal() http.Handler { return s.internal }

var (
	// wsPath is plain segments: nothing that is escaped, cleaned or matched.
	wsPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
	// parameterName has one spelling in a query.
	parameterName = regexp.MustCompile(`^[a-z0-9_-]+$`)
)

func (o *Options) validate() error {
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf("api: "+format, args...))
		}
	}
	check(o.Issuer != nil, "issuer: required")
	check(o.Receipts != nil, "receipts: required")
	check(o.Authenticator != nil, "authenticator: required")
	check(o.Hosts != nil, "hosts: required")
	check((o.Sessions != nil) == (o.SessionCookie != ""), "sessions: go with the name of a cookie")
	check(o.SessionCookie == "" || handshake.IsToken(o.SessionCookie),
		"session cookie: must be the name of a cookie (got %q)", o.SessionCookie)
	check(wsPath.MatchString(o.WSPath), "ws path: must be plain segments (got %q)", o.WSPath)
	check(o.WSPath != ticketPath && !strings.HasPrefix(o.WSPath, ticketPath+"/"),
		"ws path: must not be under %s (got %q)", ticketPath, o.WSPath)
	check(parameterName.MatchString(o.TicketParameter) && o.TicketParameter != "access_token",
		"ticket parameter: must be a plain lower-case word other than access_token (got %q)", o.TicketParameter)
	check(o.PublicURL == nil || isBase(o.PublicURL),
		"public url: must be http, https, ws or wss with a host and a path at most (got %q)", o.PublicURL)
	for _, p := range o.TrustedProxies {
		check(p.IsValid(), "trusted proxies: must be prefixes (got %s)", p)
	}
	return errors.Join(faults...)
}

// isBase tells whether u can begin a WebSocket URL.
func isBase(u *url.URL) bool {
	return socketScheme(u.Scheme) != "" && u.Host != "" && u.User == nil &&
		u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && u.Opaque == ""
}

// socketScheme is the WebSocket's scheme on the server of an HTTP one
// (RFC 6455 3), empty for anything else.
func socketScheme(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "ws"
	case "https", "wss":
		return "wss"
	default:
		return ""
	}
}

// secure tells whether clients reach the service over TLS, here or at a proxy
// that the public URL speaks of.
func (s *Server) secure(state *tls.ConnectionState) bool {
	return state != nil || s.o.PublicURL != nil && socketScheme(s.o.PublicURL.Scheme) == "wss"
}
