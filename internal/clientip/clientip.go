// Package clientip determines the address of the client that sent a request, for
// limits and logs.
//
// X-Forwarded-For is believed only if the peer is a trusted proxy, and only as far
// as the chain of trusted proxies reaches. No other header is read: most proxies
// pass X-Real-Ip, True-Client-Ip and Forwarded on as the client sent them.
package clientip

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/go-chi/chi/v5/middleware"
)

// Middleware stores the client's address in the context of each request, for
// [From]. If the peer is not a trusted proxy, that is the peer's address.
// Otherwise it is the last address in X-Forwarded-For that does not belong to a
// trusted proxy. It is unknown if all entries belong to trusted proxies or if an
// entry after that address is malformed.
//
// Middleware panics if a prefix is the zero value.
func Middleware(trusted []netip.Prefix) func(http.Handler) http.Handler {
	if len(trusted) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	return middleware.ClientIPFromXFF(texts(trusted)...)
}

type contextKey struct{}

// Store stores the address that find returns in the context of each request, for
// [From].
func Store(find func(*http.Request) netip.Addr) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, find(r))))
		})
	}
}

func texts(prefixes []netip.Prefix) []string {
	all := make([]string, len(prefixes))
	for i, p := range prefixes {
		all[i] = p.String()
	}
	return all
}

// Forwarded returns a function for requests in which a proxy asks about another
// request. The function returns the address of the client that sent the other one:
// the last address in X-Forwarded-For that does not belong to a trusted proxy. The
// caller has to know whether the proxy that asks may be believed.
func Forwarded(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	// If no proxies are configured, the one that asks is the only one, and it has
	// added the last entry.
	read, peer := middleware.ClientIPFromXFFTrustedProxies(1), ""
	if len(trusted) > 0 {
		read, peer = middleware.ClientIPFromXFF(texts(trusted)...), trusted[0].Addr().String()
	}
	return func(r *http.Request) (found netip.Addr) {
		// Drop what Middleware has stored about the proxy that asks.
		asked := r.WithContext(context.Background())
		asked.RemoteAddr = peer
		read(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			found = From(r.Context())
		})).ServeHTTP(nil, asked)
		return found
	}
}

// Finder returns a function that returns the client's address of a request: the one
// that [Middleware] has stored, or the one that it would store if it did not run.
func Finder(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	read := Middleware(trusted)
	return func(r *http.Request) (found netip.Addr) {
		if found = From(r.Context()); found.IsValid() {
			return found
		}
		read(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			found = From(r.Context())
		})).ServeHTTP(nil, r)
		return found
	}
}

// Peer returns the address of the TCP peer in the form of [From], or the zero
// value if the request has none.
func Peer(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// Within reports whether an address is in one of the prefixes.
func Within(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// From returns the client's address that [Middleware] or [Store] has stored, or the
// zero value if it is unknown. An IPv4 address that Middleware has stored is never in
// its IPv6-mapped form.
func From(ctx context.Context) netip.Addr {
	if stored, ok := ctx.Value(contextKey{}).(netip.Addr); ok {
		return stored
	}
	return middleware.GetClientIPAddr(ctx)
}
