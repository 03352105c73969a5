package ws

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/internal/header"
	"wsticket/internal/limit"
	"wsticket/internal/relay"
	"wsticket/live"
	"wsticket/ticket"
)

// Identifier names the user to an application that is relayed to.
type Identifier interface {
	// Headers returns a value for each identity header, empty if the
	// identity has none. An error refuses the connection.
	Headers(grant ticket.Grant) (http.Header, error)
	// Names lists the headers that a client must not send: those of Headers,
	// and others that an application could read as one of them.
	Names() []string
}

// Endpoint is the application behind the handshake. It runs in the goroutine of
// the request, one per connection, until it returns; the Handler then closes the
// connection, so the Endpoint need not. What it returns becomes the close code:
// nil is 1000; an error that wraps a [websocket.CloseError] is that code and
// reason; any other error is 1011, and its text goes neither to the peer nor to
// the log. A panic is recovered, logged without its value, and is 1011.
//
// ctx carries the values of the request's context and lives exactly as long as
// the Endpoint runs. Neither a time limit on requests nor a peer that leaves
// ends it. If the peer leaves, at [live.Registry.Shutdown] and at
// grant.ConnectionExpiresAt, conn.Read returns an error. Note that a deadline
// on conn.Read or conn.Write, when it passes, closes the connection without a
// close code.
type Endpoint func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error

// The defaults of the options.
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

// The limits of the options.
const (
	// minMessage is the largest control frame (RFC 6455 5.5).
	minMessage     = 125
	maxAuthTimeout = time.Minute
)

// Options are the parts and settings of a [Handler].
type Options struct {
	// Gate judges the handshakes. Required.
	Gate *gate.Gate
	// Live keeps the open connections. Default: a registry of its own.
	Live *live.Registry

	// Endpoint is the application in this process, Upstream one elsewhere, to
	// which the connections are relayed. Exactly one of them is required.
	Endpoint Endpoint
	Upstream *Upstream

	// Audience is the one of Gate's that every handshake is for, whatever its path.
	// Empty: the one that has the path of the request, or the first one if none has
	// paths.
	Audience string
	// Subprotocols are the Endpoint's own. The first one that the client offers
	// is answered, instead of "wsticket.v1".
	Subprotocols []string
	// MaxMessage bounds a message from the client, in bytes and as it is on the
	// wire; a larger one is close code 1009. At least 125. Default: 64 KiB.
	MaxMessage int64

	// AuthTimeout is the time from the 101 until the whole first message has
	// arrived. Nothing that the client sends extends it. At most 1 m. Default:
	// 5 s.
	AuthTimeout time.Duration
	// Unauthenticated bounds the connections that have not authenticated yet,
	// and UnauthenticatedPerAddress those of one client address, an IPv6 one by
	// its /64. Its /56 may have four times as many and its /48 sixteen times,
	// each at most half of all. One more is refused with 503. Default: 1000 and
	// 20.
	Unauthenticated, UnauthenticatedPerAddress int
	// AcceptThenClose completes a handshake that is refused for its credential
	// or a limit, and closes it with a code that says why: pages see the code,
	// but not a status. Refusals for the shape of the handshake, the Host or
	// the Origin keep their status.
	AcceptThenClose bool

	// Events gets a [ticket.EventRequest] for each handshake, with the reason if
	// it was refused; behind package api that is an event of api. It also gets
	// what this package refuses itself: handshakes that cannot be upgraded or
	// are beyond a limit, and refusals after a 101. Other refusals are events of
	// Gate and of the Redeemer, and connections are events of Live.
	// [ticket.LogSink] is a log. Default: none.
	Events ticket.Sink
	// Logger gets the panics of an Endpoint. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Upstream is an application to which handshakes that were admitted, and then
// the frames, are relayed. It gets no credential.
type Upstream struct {
	// URL is "http://host:port", "https://host:port" or "unix:/path". Required.
	URL string
	// TLS is for a URL with https. Nil: the system's authorities.
	TLS *tls.Config
	// Identity names the user to the application. Required.
	Identity Identifier
	// Ping is how long the client may be silent before it is pinged. After the
	// same time again the connection is cut. 0: never.
	Ping time.Duration
	// IdleTimeout is how long neither side may send anything, pings included,
	// before the connection is closed with 1001. 0: no limit.
	IdleTimeout time.Duration
	// Notices sends every client the notice of [live.Options].ExpiryNotice. Otherwise
	// only those get it that have sent a first message, and so know our messages.
	Notices bool
}

// New returns a Handler. The error joins a [*ticket.OptionError] for each
// fault.
func New(o Options) (*Handler, error) {
	o = o.withDefaults()
	faults := o.faults()
	h := &Handler{o: o, unauthenticated: limit.NewPlaces(o.Unauthenticated, o.UnauthenticatedPerAddress)}
	h.choose = func(offer gate.Offer) (string, error) { return offer.Choose(o.Subprotocols) }
	if o.Upstream != nil {
		h.choose = gate.Offer.ChooseRelayed
		var err error
		h.relay, err = relay.New(relay.Options{
			Upstream: o.Upstream.URL, TLSConfig: o.Upstream.TLS, Ping: o.Upstream.Ping,
			IdleTimeout: o.Upstream.IdleTimeout, Linger: live.Linger, MaxMessage: o.MaxMessage, Vanished: h.vanished,
		})
		faults.Add("Upstream.URL", err)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	h.UseGate(o.Gate)
	return h, nil
}

func (o Options) withDefaults() Options {
	o.Subprotocols = slices.Clone(o.Subprotocols)
	o.MaxMessage = cmp.Or(o.MaxMessage, DefaultMaxMessage)
	o.AuthTimeout = cmp.Or(o.AuthTimeout, DefaultAuthTimeout)
	o.Unauthenticated = cmp.Or(o.Unauthenticated, DefaultUnauthenticated)
	o.UnauthenticatedPerAddress = cmp.Or(o.UnauthenticatedPerAddress, DefaultUnauthenticatedPerAddress)
	if o.Live == nil {
		audiences := ticket.Audiences(nil)
		if o.Gate != nil {
			audiences = o.Gate.AudienceRules()
		}
		o.Live, _ = live.New(live.Options{Audiences: audiences, Events: o.Events, Now: o.Now}) // these Options have no fault
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// faults checks o, whose defaults are filled in.
func (o Options) faults() ticket.OptionErrors {
	f := ticket.OptionErrors{Package: "ws"}
	f.Check(o.Gate != nil, "Gate", "required")
	if o.Gate != nil && o.Audience != "" {
		known := o.Gate.Audiences()
		f.Check(len(known) == 0 || slices.Contains(known, o.Audience), "Audience", "must be one of %s (got %q)", strings.Join(known, ", "), o.Audience)
	}
	f.Check((o.Endpoint == nil) != (o.Upstream == nil), "Endpoint", "exactly one of Endpoint and Upstream is required")
	if o.Upstream != nil {
		f.Check(o.Upstream.Identity != nil, "Upstream.Identity", "required")
		f.Check(o.Upstream.Ping >= 0, "Upstream.Ping", "must not be negative (got %s)", o.Upstream.Ping)
		f.Check(o.Upstream.IdleTimeout >= 0, "Upstream.IdleTimeout", "must not be negative (got %s)", o.Upstream.IdleTimeout)
	}
	for i, name := range o.Subprotocols {
		ok := header.IsToken(name) && !gate.IsReserved(name) && !header.ContainsFold(o.Subprotocols[:i], name)
		f.Check(ok, "Subprotocols", "must be different tokens, not wsticket.v1 and not ticket.… (got %q)", name)
	}
	f.Check(o.MaxMessage >= minMessage, "MaxMessage", "must be at least %d bytes (got %d)", minMessage, o.MaxMessage)
	f.Check(o.AuthTimeout > 0 && o.AuthTimeout <= maxAuthTimeout, "AuthTimeout", "must be more than 0s and at most %s (got %s)", maxAuthTimeout, o.AuthTimeout)
	f.Check(o.Unauthenticated > 0, "Unauthenticated", "must be positive (got %d)", o.Unauthenticated)
	f.Check(o.UnauthenticatedPerAddress > 0, "UnauthenticatedPerAddress", "must be positive (got %d)", o.UnauthenticatedPerAddress)
	return f
}
