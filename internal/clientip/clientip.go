// Package clientip tells by whom a request was sent, for limits and logs.
//
// X-Forwarded-For is believed only where the peer is a trusted proxy, and
// only as far as the chain of trusted proxies reaches. No other header is
// read: X-Real-Ip, True-Client-Ip and Forwarded pass through most proxies
// from the client unchanged.
package clientip

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/go-chi/chi/v5/middleware"
)

// Middleware notes the client's address in the context of each request. With
// no trusted proxies that is the peer. Otherwise it is the last address in
// X-Forwarded-For that is not a trusted proxy's; where the peer is not a
// trusted proxy, it is the peer; where an entry on the way cannot be read, or
// all are proxies, the address stays unknown.
//
// It panics at start where a prefix is the invalid zero value.
func Middleware(trusted []netip.Prefix) func(http.Handler) http.Handler {
	if len(trusted) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	return middleware.ClientIPFromXFF(texts(trusted)...)
}

func texts(prefixes []netip.Prefix) []string {
	all := make([]string, len(prefixes))
	for i, p := range prefixes {
		all[i] = p.String()
	}
	return all
}

// Forwarded returns a function that tells by whom a request was sent to the
// proxy that now asks about it: the last address in X-Forwarded-For that is
// not a trusted proxy's, as [Middleware] has it of a trusted peer. Whether
// the asker may be believed is for the caller to know.
func Forwarded(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	// With no proxies listed the asker is the only one, and its entry the last.
	read, peer := middleware.ClientIPFromXFFTrustedProxies(1), ""
	if len(trusted) > 0 {
		read, peer = middleware.ClientIPFromXFF(texts(trusted)...), trusted[0].Addr().String()
	}
	return func(r *http.Request) (found netip.Addr) {
		// Without what Middleware has noted about the asker.
		asked := r.WithContext(context.Background())
		asked.RemoteAddr = peer
		read(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			found = From(r.Context())
		})).ServeHTTP(nil, asked)
		return found
	}
}

// Peer returns the address of the TCP peer, or the zero value where it has
// none. It is in the form of [From].
func Peer(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// Within tells whether an address is in one of the prefixes.
func Within(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// From returns the client's address, or the zero value where it is unknown.
// An IPv4 address is never in its IPv6-mapped form.
func From(ctx context.Context) netip.Addr {
	return middleware.GetClientIPAddr(ctx)
}
