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
	prefixes := make([]string, len(trusted))
	for i, p := range trusted {
		prefixes[i] = p.String()
	}
	return middleware.ClientIPFromXFF(prefixes...)
}

// From returns the client's address, or the zero value where it is unknown.
// An IPv4 address is never in its IPv6-mapped form.
func From(ctx context.Context) netip.Addr {
	return middleware.GetClientIPAddr(ctx)
}
