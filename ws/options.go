package ws

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/clientip"
	"wsticket/internal/handshake"
	"wsticket/internal/origin"
	"wsticket/internal/relay"
	"wsticket/ticket"
)

// Redeemer spends a ticket. [*ticket.Service] is one. Its error wraps a
// sentinel of package ticket, and whatever it is, nobody is admitted.
type Redeemer interface {
	Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error)
}

// Authenticator verifies a bearer. Its error wraps [ticket.ErrInvalidBearer]
// or [ticket.ErrUnavailable].
type Authenticator interface {
	Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error)
}

// Identifier tells an application that is relayed to who is there.
type Identifier interface {
	// Headers returns a value for each identity header, empty where the
	// identity has none. An error refuses the connection.
	Headers(grant ticket.Grant) (http.Header, error)
	// Names lists the headers that a client must not send: those of Headers,
	// and whatever else could be taken for one of them.
	Names() []string
}

// Limiter counts an event of key and tells whether it is one too many, and
// then after which time to come again. It must not block.
type Limiter interface {
	Allow(key string) (retryAfter time.Duration, ok bool)
}

// Endpoint is the application behind the handshake. It runs in the goroutine
// of the request, one per connection, until it returns; the Handler closes the
// connection then, so the Endpoint need not. What it returns becomes the close
// code: nil is 1000; an error that holds a [websocket.CloseError] is that code
// and reason; any other error is 1011, and its text goes neither to the peer
// nor to the log. A panic is recovered, logged without its value, and is 1011.
//
// ctx carries the values of the request's context and lives exactly as long as
// the Endpoint runs: a time limit on requests does not end connections, and
// neither does the peer's leaving. That, and [Handler.Shutdown], show as an
// error of conn.Read.
// Take care that a deadline on conn.Read or conn.Write, when it passes, closes
// the connection without a close code.
type Endpoint func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error

// Door is a place in the handshake where a credential may stand.
type Door = handshake.Door

// The doors.
const (
	// DoorQuery is the query parameter of [Options.TicketParameter].
	DoorQuery = handshake.DoorQuery
	// DoorSubprotocol is an entry "ticket.<token>" of Sec-WebSocket-Protocol.
	DoorSubprotocol = handshake.DoorSubprotocol
	// DoorHeader is Authorization with the scheme Ticket, or Bearer where
	// there is an [Authenticator].
	DoorHeader = handshake.DoorHeader
	// DoorCookie is the cookie of [Options.SessionCookie].
	DoorCookie = handshake.DoorCookie
	// DoorFirstMessage is the first message after a handshake without a
	// credential: {"type":"auth","token":"…"} with a ticket, or with a bearer
	// where there is an [Authenticator].
	DoorFirstMessage = handshake.DoorFirstMessage
)

// What is taken where nothing is configured.
const (
	// DefaultMaxMessage is the largest message in bytes.
	DefaultMaxMessage = 64 << 10
	// DefaultAuthTimeout is the time for the first message.
	DefaultAuthTimeout = 5 * time.Second
	// DefaultUnauthenticated bounds the connections that wait for it, and
	// DefaultUnauthenticatedPerAddress those of one address.
	DefaultUnauthenticated           = 1000
	DefaultUnauthenticatedPerAddress = 20
)

// Options are the parts and settings of a [Handler].
type Options struct {
	// Redeemer spends the tickets. Required.
	Redeemer Redeemer
	// Authenticator verifies bearers in the header and in the first message.
	// Where it is nil, bearers are not accepted.
	Authenticator Authenticator
	// Sessions verifies the values of SessionCookie, each handed to it as a
	// bearer. Both or none; none closes the cookie door.
	Sessions Authenticator
	// SessionCookie is the name of the session cookie. Cookies count as a
	// credential only where the cookie door is open.
	SessionCookie string
	// Endpoint is the application. Required where there is no Upstream.
	Endpoint Endpoint

	// Upstream is an application elsewhere, in place of an Endpoint, to which
	// admitted handshakes and then the frames are relayed: "http://host:port",
	// "https://host:port" or "unix:/path". It gets no credential.
	Upstream string
	// UpstreamTLS is for an Upstream with https. Nil: the system's authorities.
	UpstreamTLS *tls.Config
	// Identity tells the Upstream who is there. Required with it.
	Identity Identifier
	// TrustedProxies are those whose X-Forwarded-* headers are continued
	// towards the Upstream. From anybody else they are begun anew.
	TrustedProxies []netip.Prefix
	// Ping is after how long a silence of the client a relayed connection is
	// pinged; after as long again it is cut. 0: never.
	Ping time.Duration
	// IdleTimeout is after how long without anything from either side, pings
	// and pongs included, a relayed connection is closed with 1001. 0: never.
	IdleTimeout time.Duration

	// Doors are those that are open. Default: all, DoorCookie only with
	// Sessions. What stands at a closed door never admits; beside another
	// credential it is one too many.
	Doors []Door
	// Origins are the web origins that may connect, such as
	// "https://app.example.com", compared whole. None: no browser may.
	Origins []string
	// AllowMissingOrigin admits handshakes without an Origin header, which
	// browsers always send: programs and native apps. With neither this nor
	// Origins nobody could connect, which is an error. The cookie door wants
	// an Origin in any case.
	AllowMissingOrigin bool
	// Hosts are the names by which this server may be addressed, with or
	// without a port. None: not checked here, for example because the router
	// has done it; a server that browsers in its network can reach needs it
	// against DNS rebinding.
	Hosts []string
	// Audience is what a ticket has to be for. Empty: the Redeemer's default.
	Audience string
	// TicketParameter names the parameter of the query door: lower-case
	// letters, digits, - and _. Default: "ticket".
	TicketParameter string
	// Subprotocols are the application's own. The first one that the client
	// offers is answered, instead of "wsticket.v1".
	Subprotocols []string
	// MaxMessage bounds a message from the peer, in bytes; a larger one is
	// close code 1009. Default: 64 KiB.
	MaxMessage int64

	// DrainWindow is the time over which [Handler.Shutdown] closes what there
	// is. Default: 5 s; negative: all at once.
	DrainWindow time.Duration

	// AuthTimeout is how long after the 101 the first message has to be there.
	// Nothing that the peer sends prolongs it. Default: 5 s.
	AuthTimeout time.Duration
	// Unauthenticated bounds the connections of peers that have not shown yet
	// who they are, and UnauthenticatedPerAddress those of one address, as in
	// AddressLimit. One more is refused with 503. Default: 1000 and 20.
	Unauthenticated, UnauthenticatedPerAddress int
	// AcceptThenClose completes a handshake that is refused for its
	// credential or a limit, and closes with a code that tells why: pages see
	// the code, where they do not see a status. Refusals for the shape of the
	// handshake, the Host or the Origin keep their status.
	AcceptThenClose bool

	// AddressLimit bounds the handshakes from one address: an IPv4 address or
	// an IPv6 /64. Nil: no bound.
	AddressLimit Limiter
	// ClientAddr tells who the client is, for AddressLimit and the audit
	// trail. Default: what wsticket's own middleware found out; in other
	// programs that is nothing, and all clients are as one address.
	ClientAddr func(*http.Request) netip.Addr
	// Logger gets one line for each connection that ends, and for each first
	// message. Default: none.
	Logger *slog.Logger
	// Observe, if set, is called with what became of each handshake that was
	// completed before its peer had shown who it is, when that is known. It
	// must not block.
	Observe func(context.Context, HandshakeEvent)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// New returns a Handler, or an error that lists every fault of o.
func New(o Options) (*Handler, error) {
	o = o.withDefaults()
	faults := o.faults()
	origins, err := origin.NewList(o.Origins)
	if err != nil {
		faults = append(faults, fmt.Errorf("ws: origins: %w", err))
	}
	hosts, err := origin.NewHosts(o.Hosts)
	if err != nil {
		faults = append(faults, fmt.Errorf("ws: hosts: %w", err))
	}
	upstream, err := o.newRelay()
	if err != nil {
		faults = append(faults, fmt.Errorf("ws: %w", err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Handler{
		options: o, origins: origins, hosts: hosts, live: newLive(), relay: upstream,
		doors: handshake.Doors{
			Open: o.Doors, Parameter: o.TicketParameter, Bearers: o.Authenticator != nil, Cookie: o.SessionCookie,
		},
		unauthenticated: newUnauthenticated(o.Unauthenticated, o.UnauthenticatedPerAddress),
	}, nil
}

// withDefaults returns o with its own copies of all lists.
func (o Options) withDefaults() Options {
	o.Doors, o.Origins = slices.Clone(o.Doors), slices.Clone(o.Origins)
	o.Hosts, o.Subprotocols = slices.Clone(o.Hosts), slices.Clone(o.Subprotocols)
	if len(o.Doors) == 0 {
		o.Doors = []Door{DoorQuery, DoorSubprotocol, DoorHeader, DoorFirstMessage}
		if o.Sessions != nil {
			o.Doors = append(o.Doors, DoorCookie)
		}
	}
	o.DrainWindow = cmp.Or(o.DrainWindow, DefaultDrainWindow)
	o.TicketParameter = cmp.Or(o.TicketParameter, "ticket")
	o.MaxMessage = cmp.Or(o.MaxMessage, DefaultMaxMessage)
	o.AuthTimeout = cmp.Or(o.AuthTimeout, DefaultAuthTimeout)
	o.Unauthenticated = cmp.Or(o.Unauthenticated, DefaultUnauthenticated)
	o.UnauthenticatedPerAddress = cmp.Or(o.UnauthenticatedPerAddress, DefaultUnauthenticatedPerAddress)
	if o.ClientAddr == nil {
		o.ClientAddr = func(r *http.Request) netip.Addr { return clientip.From(r.Context()) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, HandshakeEvent) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// newRelay returns nil where there is no Upstream.
func (o Options) newRelay() (*relay.Relay, error) {
	if o.Upstream == "" {
		return nil, nil //nolint:nilnil // There is an Endpoint.
	}
	return relay.New(relay.Options{
		Upstream: o.Upstream, TLSConfig: o.UpstreamTLS, Ping: o.Ping, IdleTimeout: o.IdleTimeout,
		Linger: lingerTimeout, MaxMessage: o.MaxMessage,
	})
}
