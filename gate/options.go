package gate

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"wsticket/internal/clientip"
	"wsticket/internal/header"
	"wsticket/internal/limit"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

// Redeemer spends a ticket. [*ticket.Service] is one, and so is
// ticket/remote's. Its error wraps a sentinel of package ticket; whatever it
// is, nobody is admitted.
type Redeemer interface {
	Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error)
}

// Authenticator verifies a bearer, or the value of a session cookie. Its error
// wraps [ticket.ErrInvalidBearer] or [ticket.ErrUnavailable]. The address of the
// client is in [ticket.RequestOf] its context.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error)
}

// Options are the parts and settings of a [Gate].
type Options struct {
	// Redeemer spends the tickets. Required.
	Redeemer Redeemer
	// Authenticator verifies bearers. Nil: bearers are not accepted.
	Authenticator Authenticator
	// Sessions verifies the value of SessionCookie, given to it as a bearer:
	// without quotes, and joined if it comes in chunks. If Sessions is a
	// [CookieAuthenticator] it gets the cookies as they were sent. Both or
	// neither; without them the cookie door is closed.
	Sessions Authenticator
	// Revocations say which bearers and sessions are void; tickets are the
	// Redeemer's. Default: none are.
	Revocations ticket.Revocations
	// SessionCookie is the name of the session cookie.
	SessionCookie string

	// Audiences are the endpoints that handshakes can be for, and who may have them:
	// the rule counts for a bearer or session that is presented there, as it does
	// for a ticket when it is issued. Default: those of the Redeemer, if it is an
	// [AudienceHolder]; otherwise the maker of a [Handshake] says which it is for.
	Audiences ticket.Audiences

	// Doors are the open doors. Default: DoorQuery, DoorSubprotocol and
	// DoorHeader, and DoorCookie with Sessions. A ticket or bearer at a closed
	// door is refused; together with another one it is one too many.
	Doors []ticket.Door
	// TicketParameter is the query parameter of DoorQuery: lower-case letters,
	// digits, - and _, at most 64. Default: "ticket".
	TicketParameter string

	// Origins are the origins whose pages may connect and get tickets, such as
	// "https://app.example.com" or "capacitor://localhost". They are compared
	// whole. None: no page may.
	Origins []string
	// AllowMissingOrigin accepts handshakes without an Origin header: browsers
	// always send one, native clients and servers need not. Without this and
	// without Origins nobody could connect, which is a fault. The cookie door
	// always needs an Origin.
	AllowMissingOrigin bool
	// Hosts are the names by which this server may be addressed: a name on
	// every port, name:port on that port only. None: not checked, because a
	// router in front does that. A server that browsers in its network can
	// reach needs the check against DNS rebinding.
	Hosts []string

	// Sample decides whether the span of a request is recorded that no trusted proxy
	// has decided about: it reports true as often as that should be. Each request then
	// has a span of its own (W3C Trace Context). Default: nobody records spans, and
	// what a caller says about its trace is passed on unchanged.
	Sample func() bool

	// TrustedProxies are those whose X-Forwarded-* headers are believed.
	TrustedProxies []netip.Prefix
	// ForwardAuthPeers are the proxies that may ask about handshakes without a key
	// or a certificate. What they forward is believed, for that question alone. Nil:
	// TrustedProxies; empty and not nil: nobody.
	ForwardAuthPeers []netip.Prefix
	// ClientAddr returns the address of the client; where it is zero, the peer's
	// counts. Default: the peer's, or behind TrustedProxies the one that they
	// report in X-Forwarded-For.
	ClientAddr func(*http.Request) netip.Addr
	// AddressLimit bounds handshakes and requests of one client address, an
	// IPv6 one by its /64. A [*RateLimiter] also bounds those of its /56 and
	// /48. Default: 50 a second. A limiter of NewRateLimiter(0, 0) is no limit.
	AddressLimit Limiter
	// HandshakeLimit bounds the handshakes of each issuer and subject, after the
	// credential was accepted: one too many is refused, and its ticket is spent.
	// Default: no limit.
	HandshakeLimit Limiter

	// Keeper stores each admission by a bearer or a session before [Gate.Admit] returns
	// its grant. If it cannot, the handshake is refused with [ticket.ErrUnavailable].
	// Redemptions are the Redeemer's. Default: nothing is stored.
	Keeper ticket.Keeper
	// Events gets what is refused here, and each admission by a bearer or a session.
	// Default: none.
	Events ticket.Sink
	// Logger is warned the first time that a trusted proxy reports a client by
	// something that is no address. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// New returns a Gate. The error joins a [*ticket.OptionError] for each fault.
func New(o Options) (*Gate, error) {
	o = o.withDefaults()
	proxies := clientip.New(o.TrustedProxies, o.ForwardAuthPeers, o.warnUnreadable)
	if find := o.ClientAddr; find == nil {
		o.ClientAddr = proxies.Of
	} else {
		o.ClientAddr = func(r *http.Request) netip.Addr { return known(find(r), r) }
	}
	faults := o.faults()
	paths := o.newPaths(&faults)
	origins, err := origin.NewList(o.Origins)
	faults.Add("Origins", err)
	hosts, err := origin.NewHosts(o.Hosts)
	faults.Add("Hosts", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return &Gate{
		o: o, origins: origins, hosts: hosts, paths: paths, proxies: proxies,
		notes:     make(chan struct{}, maxNotes),
		noteLimit: limit.NewAddresses(limit.Rate{Events: notesOfAddress, Per: time.Second}, limitKeys, o.Now),
		doors: doors{
			open: o.Doors, parameter: o.TicketParameter, bearers: o.Authenticator != nil,
			session: sessionCookie{o.SessionCookie, o.Sessions},
		},
	}, nil
}

// known returns addr, or the address of the peer if addr is unknown.
func known(addr netip.Addr, r *http.Request) netip.Addr {
	if !addr.IsValid() {
		return clientip.Peer(r)
	}
	return addr
}

func (o Options) warnUnreadable(ctx context.Context, proxy netip.Addr, reported string) {
	o.Logger.WarnContext(ctx, "a proxy reports a client by something that is no address: "+
		"the proxy's own address counts for limits and in logs (this is logged once, and counted)",
		"header", "X-Forwarded-For", "proxy", proxy.String(), "value", ticket.Printable(reported))
}

// withDefaults returns o with its own copies of all lists.
func (o Options) withDefaults() Options {
	o.Doors, o.TrustedProxies = slices.Clone(o.Doors), slices.Clone(o.TrustedProxies)
	if o.ForwardAuthPeers == nil {
		o.ForwardAuthPeers = o.TrustedProxies
	}
	o.ForwardAuthPeers = slices.Clone(o.ForwardAuthPeers)
	if holder, ok := o.Redeemer.(AudienceHolder); ok && len(o.Audiences) == 0 {
		o.Audiences = holder.Audiences()
	}
	o.Audiences = o.Audiences.Clone()
	if len(o.Doors) == 0 {
		o.Doors = []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader}
		if o.Sessions != nil {
			o.Doors = append(o.Doors, ticket.DoorCookie)
		}
	}
	if o.TicketParameter == "" {
		o.TicketParameter = "ticket"
	}
	if o.AddressLimit == nil {
		o.AddressLimit = NewRateLimiter(DefaultPerAddress, time.Second)
	}
	if o.HandshakeLimit == nil {
		o.HandshakeLimit = NewRateLimiter(0, 0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func allValid(prefixes []netip.Prefix) bool {
	return !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !p.IsValid() })
}

// faults checks o, whose defaults are filled in.
func (o Options) faults() ticket.OptionErrors {
	f := ticket.OptionErrors{Package: "gate"}
	f.Check(o.Redeemer != nil, "Redeemer", "required")
	o.Audiences.Check(&f)
	f.Check(len(o.Origins) > 0 || o.AllowMissingOrigin, "AllowMissingOrigin",
		"must be true if there are no origins, otherwise nobody could connect")
	f.Check(isParameterName(o.TicketParameter), "TicketParameter",
		"must be at most 64 lower-case letters, digits, - and _, and not access_token (got %q)", o.TicketParameter)
	f.Check(allValid(o.TrustedProxies), "TrustedProxies", "must be valid prefixes")
	f.Check(allValid(o.ForwardAuthPeers) || !allValid(o.TrustedProxies), "ForwardAuthPeers", "must be valid prefixes")
	for _, door := range o.Doors {
		f.Check(slices.Contains(Doors(), door), "Doors",
			"must be query, subprotocol, header, cookie or first_message (got %q)", door)
	}
	f.Check(o.Sessions != nil || !slices.Contains(o.Doors, ticket.DoorCookie), "Doors", "cookie needs a session cookie")
	f.Check(o.Sessions == nil || len(o.Origins) > 0, "Origins", "required with a session cookie, which only pages of these origins may use")
	f.Check((o.Sessions == nil) == (o.SessionCookie == ""), "SessionCookie", "must be set together with Sessions")
	f.Check(o.SessionCookie == "" || header.IsToken(o.SessionCookie), "SessionCookie", "must be a token (got %q)", o.SessionCookie)
	return f
}

// Doors lists the doors of a handshake.
func Doors() []ticket.Door {
	return []ticket.Door{
		ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader, ticket.DoorCookie, ticket.DoorFirstMessage,
	}
}

// isParameterName accepts names that have one spelling in a query and are not
// used for bearers (RFC 6750 2.3). "token" may hold tickets.
func isParameterName(name string) bool {
	return name != "access_token" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
