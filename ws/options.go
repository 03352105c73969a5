package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/clientip"
	"wsticket/internal/handshake"
	"wsticket/internal/origin"
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
)

// DefaultMaxMessage is the largest message in bytes where none is configured.
const DefaultMaxMessage = 64 << 10

// Options are the parts and settings of a [Handler].
type Options struct {
	// Redeemer spends the tickets. Required.
	Redeemer Redeemer
	// Authenticator verifies bearers in the header door. Where it is nil,
	// bearers are not accepted.
	Authenticator Authenticator
	// Endpoint is the application. Required.
	Endpoint Endpoint

	// Doors are those that are open. Default: all. What stands at a closed
	// door never admits; beside another credential it is one too many.
	Doors []Door
	// Origins are the web origins that may connect, such as
	// "https://app.example.com", compared whole. None: no browser may.
	Origins []string
	// AllowMissingOrigin admits handshakes without an Origin header, which
	// browsers always send: programs and native apps. With neither this nor
	// Origins nobody could connect, which is an error.
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

	// AddressLimit bounds the handshakes from one address: an IPv4 address or
	// an IPv6 /64. Nil: no bound.
	AddressLimit Limiter
	// ClientAddr tells who the client is, for AddressLimit and the audit
	// trail. Default: what wsticket's own middleware found out; in other
	// programs that is nothing, and all clients share one limit.
	ClientAddr func(*http.Request) netip.Addr
	// Logger gets one line for each connection that ends. Default: none.
	Logger *slog.Logger
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
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	doors := handshake.Doors{Open: o.Doors, Parameter: o.TicketParameter, Bearers: o.Authenticator != nil}
	return &Handler{options: o, origins: origins, hosts: hosts, doors: doors, live: newLive()}, nil
}

// withDefaults returns o with its own copies of all lists.
func (o Options) withDefaults() Options {
	o.Doors, o.Origins = slices.Clone(o.Doors), slices.Clone(o.Origins)
	o.Hosts, o.Subprotocols = slices.Clone(o.Hosts), slices.Clone(o.Subprotocols)
	if len(o.Doors) == 0 {
		o.Doors = []Door{DoorQuery, DoorSubprotocol, DoorHeader}
	}
	if o.TicketParameter == "" {
		o.TicketParameter = "ticket"
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.DrainWindow == 0 {
		o.DrainWindow = DefaultDrainWindow
	}
	if o.ClientAddr == nil {
		o.ClientAddr = func(r *http.Request) netip.Addr { return clientip.From(r.Context()) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("ws: "+format, args...)) }
	if o.Redeemer == nil {
		fault("redeemer: required")
	}
	if o.Endpoint == nil {
		fault("endpoint: required")
	}
	for _, door := range o.Doors {
		if door != DoorQuery && door != DoorSubprotocol && door != DoorHeader {
			fault("doors: must be query, subprotocol or header (got %q)", door)
		}
	}
	if len(o.Origins) == 0 && !o.AllowMissingOrigin {
		fault("origins: none, and a missing one is not allowed either: nobody could connect")
	}
	if !isParameterName(o.TicketParameter) {
		fault("ticket parameter: must be lower-case letters, digits, - and _, and not access_token (got %q)", o.TicketParameter)
	}
	for i, name := range o.Subprotocols {
		if !handshake.IsToken(name) || handshake.IsReserved(name) || handshake.ContainsFold(o.Subprotocols[:i], name) {
			fault("subprotocols: must be different tokens, not wsticket.v1 and not ticket.… (got %q)", name)
		}
	}
	if o.MaxMessage < 0 {
		fault("max message: must be positive (got %d)", o.MaxMessage)
	}
	return faults
}

// isParameterName accepts names that have one spelling in a query and are not
// those of a bearer (RFC 6750 2.3). "token" may hold tickets.
func isParameterName(name string) bool {
	return name != "access_token" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
