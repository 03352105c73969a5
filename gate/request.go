package gate

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"wsticket/internal/header"
	"wsticket/internal/origin"
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
func (g *Gate) StoreClientAddr(next http.Handler) http.Handler { return g.storeAddr(next) }

// TrustedProxies returns a copy of Options.TrustedProxies.
func (g *Gate) TrustedProxies() []netip.Prefix { return slices.Clone(g.o.TrustedProxies) }

// AllowsOrigin reports whether pages of an origin may connect, and returns the
// origin as it is compared: without its default port.
func (g *Gate) AllowsOrigin(value string) (canonical string, ok bool) {
	return g.origins.Allows(value)
}

// PageOrigin returns the origin of the page that sent a request, empty if no
// page did. An origin that is not allowed is [ErrOrigin].
func (g *Gate) PageOrigin(h http.Header) (string, error) {
	value, present, once := origin.FromHeader(h)
	if once && !present {
		return "", nil
	}
	canonical, ok := g.origins.Allows(value)
	if !once || !ok {
		return "", ErrOrigin
	}
	return canonical, nil
}

// AuthenticateBearer verifies the bearer of a request that is no handshake.
func (g *Gate) AuthenticateBearer(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if g.o.Authenticator == nil {
		return ticket.Identity{}, fmt.Errorf("bearers are not accepted: %w", ticket.ErrInvalidBearer)
	}
	return g.o.Authenticator.Authenticate(ctx, bearer)
}

// AuthenticateSession verifies a value of [Gate.SessionCookie].
func (g *Gate) AuthenticateSession(ctx context.Context, value ticket.Bearer) (ticket.Identity, error) {
	return g.o.Sessions.Authenticate(ctx, value)
}

// HasSessions reports whether session cookies are accepted at all.
func (g *Gate) HasSessions() bool { return g.o.Sessions != nil }

// SessionCookie returns the session cookie of a request, empty if there is
// none or sessions are not accepted. Two of that name, or a malformed value,
// are [ErrCookie].
func (g *Gate) SessionCookie(h http.Header) (string, error) {
	if !g.HasSessions() {
		return "", nil
	}
	values, err := header.Cookies(h["Cookie"], g.o.SessionCookie)
	switch {
	case err != nil, len(values) > 1:
		return "", ErrCookie
	case len(values) == 0:
		return "", nil
	default:
		return values[0], nil
	}
}

// TicketParameter is the name of the query parameter that takes a ticket.
func (g *Gate) TicketParameter() string { return g.o.TicketParameter }

// TakesBearers reports whether a bearer is accepted in the Authorization header
// of a handshake.
func (g *Gate) TakesBearers() bool {
	return g.doors.bearers && slices.Contains(g.o.Doors, ticket.DoorHeader)
}

// RemoveCredentials removes every credential from a handshake that goes on to
// the application: the ticket in the query, Authorization, and the session
// cookie. Those in Sec-WebSocket-Protocol are removed by [Offer.Application].
func (g *Gate) RemoveCredentials(out *http.Request) {
	out.URL.RawQuery = withoutTicket(out.URL.RawQuery, g.o.TicketParameter)
	out.Header.Del("Authorization")
	if g.o.SessionCookie != "" {
		header.Set(out.Header, "Cookie", header.WithoutCookie(out.Header["Cookie"], g.o.SessionCookie))
	}
}
