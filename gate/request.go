package gate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"wsticket/internal/clientip"
	"wsticket/internal/token68"
	"wsticket/ticket"
)

// The methods in this file are for requests that are not handshakes but need
// the same settings: requests about tickets, and those to the application.

// AllowsHost reports whether this server may be addressed by host, as it stands
// in a Host header. If no Hosts are configured every host is allowed.
func (g *Gate) AllowsHost(host string) bool {
	return len(g.o.Hosts) == 0 || g.hosts.Allows(host)
}

// HasHosts reports whether Hosts are configured.
func (g *Gate) HasHosts() bool { return len(g.o.Hosts) > 0 }

// StoreClientAddr is a middleware that finds the client's address once for each
// request, according to [Options].ClientAddr.
func (g *Gate) StoreClientAddr(next http.Handler) http.Handler {
	return clientip.Store(g.o.ClientAddr)(next)
}

// ForwardedClient returns the address of the client whose request a proxy asks
// about with r: the one that the proxies report in X-Forwarded-For, like the
// default of Options.ClientAddr, past those of ForwardAuthPeers too. The caller has
// to know that the proxy may be believed; where no other is, it is the only one.
func (g *Gate) ForwardedClient(r *http.Request) netip.Addr { return g.proxies.Forwarded(r) }

// Trusts reports whether the peer that sent r is a trusted proxy.
func (g *Gate) Trusts(r *http.Request) bool {
	return clientip.Within(clientip.Peer(r), g.o.TrustedProxies)
}

// MayAsk reports whether the peer that sent r is one of Options.ForwardAuthPeers.
func (g *Gate) MayAsk(r *http.Request) bool {
	return clientip.Within(clientip.Peer(r), g.o.ForwardAuthPeers)
}

// AllowsOrigin reports whether pages of an origin may connect, and returns the
// origin as it is compared: without its default port.
func (g *Gate) AllowsOrigin(value string) (canonical string, ok bool) {
	return g.origins.Allows(value)
}

// PageOrigin returns the origin of the page that sent a request, empty if no
// page did. An origin that is not allowed is [ErrOrigin].
func (g *Gate) PageOrigin(h http.Header) (string, error) {
	canonical, ok := g.origins.Check(h, true)
	if !ok {
		return "", g.wrongOrigin(h)
	}
	return canonical, nil
}

// wrongOrigin is [ErrOrigin] with the origin of a request.
func (g *Gate) wrongOrigin(h http.Header) error { return g.WrongOrigin(joined(h["Origin"])) }

// WrongOrigin returns [ErrOrigin] with the origin that a request names.
func (g *Gate) WrongOrigin(value string) error {
	return ticket.WithAttrs(ErrOrigin, slog.String("origin", value), ticket.Expected(g.origins.Names()...))
}

// WrongHost returns [ErrHost] with the host that a request was sent to.
func (g *Gate) WrongHost(host string) error {
	return ticket.WithAttrs(ErrHost, slog.String("host", host), ticket.Expected(g.hosts.Names()...))
}

// joined returns the lines of a header as one (RFC 9110 5.2).
func joined(lines []string) string {
	if len(lines) == 0 {
		return "(none)"
	}
	return strings.Join(lines, ", ")
}

// AuthenticateBearer verifies the bearer of a request that is no handshake.
func (g *Gate) AuthenticateBearer(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if g.o.Authenticator == nil {
		return ticket.Identity{}, fmt.Errorf("bearers are not accepted: %w", ticket.ErrInvalidBearer)
	}
	return g.unlessRevoked(ctx)(g.o.Authenticator.Authenticate(ctx, bearer))
}

// AuthenticateMessage verifies the bearer of a message on a connection that is open. A
// ticket opens connections only, so it is no good bearer.
func (g *Gate) AuthenticateMessage(ctx context.Context, text string) (ticket.Identity, error) {
	if ticket.HasTokenPrefix(text) || !token68.Valid(text) {
		return ticket.Identity{}, ticket.ErrInvalidBearer
	}
	return g.AuthenticateBearer(ctx, ticket.NewBearer(text))
}

// unlessRevoked returns the result of an Authenticator, unless a revocation voids
// the identity.
func (g *Gate) unlessRevoked(ctx context.Context) func(ticket.Identity, error) (ticket.Identity, error) {
	return func(who ticket.Identity, err error) (ticket.Identity, error) {
		if err == nil && g.o.Revocations != nil {
			err = g.o.Revocations.Check(ctx, ticket.Grant{Identity: who})
		}
		if err != nil {
			return ticket.Identity{}, err
		}
		return who, nil
	}
}

// TicketParameter is the name of the query parameter that takes a ticket.
func (g *Gate) TicketParameter() string { return g.o.TicketParameter }

// TakesBearers reports whether a bearer is accepted in the Authorization header
// of a handshake.
func (g *Gate) TakesBearers() bool {
	return g.doors.bearers && slices.Contains(g.o.Doors, ticket.DoorHeader)
}
