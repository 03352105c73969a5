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
	"sync/atomic"
)

// Reader finds the addresses of clients. It is safe for concurrent use.
type Reader struct {
	trusted    []netip.Prefix
	asking     []netip.Prefix // trusted, and those that are believed by Forwarded alone
	unreadable atomic.Uint64
	first      func(ctx context.Context, proxy netip.Addr, reported string)
}

// New returns a Reader that believes the proxies in trusted, and in
// [Reader.Forwarded] also those in asking. It calls first, if that is not nil, the
// first time that one of them reports a client by something that is no address.
func New(trusted, asking []netip.Prefix, first func(ctx context.Context, proxy netip.Addr, reported string)) *Reader {
	return &Reader{trusted: trusted, asking: slices.Concat(trusted, asking), first: first}
}

// Unreadable returns how often a proxy has reported something that is no
// address.
func (c *Reader) Unreadable() uint64 { return c.unreadable.Load() }

// Of returns the address of the client that sent r: the one that [Store] has
// stored, or the peer's, or behind trusted proxies the one that they report. It is
// zero only if the peer has no address, as that of a Unix socket.
//
// The client is the last one in X-Forwarded-For that is no trusted proxy. If all
// are trusted it is the first one: a user in the proxies' own network. If one
// cannot be read, such as "unknown", it is the proxy that reported it, because
// what stands before may be the client's invention.
func (c *Reader) Of(r *http.Request) netip.Addr {
	if stored, ok := r.Context().Value(contextKey{}).(netip.Addr); ok {
		return stored
	}
	peer := Peer(r)
	if !Within(peer, c.trusted) {
		return peer
	}
	return c.walk(r, peer, c.trusted)
}

// Forwarded returns the address of the client whose request a proxy asks about
// with r. The caller has to know that the proxy may be believed. Without any other
// it is the only one, and has added the last address.
func (c *Reader) Forwarded(r *http.Request) netip.Addr { return c.walk(r, Peer(r), c.asking) }

// walk goes through X-Forwarded-For from the proxy that sent r, past those that are
// believed, to the client.
func (c *Reader) walk(r *http.Request, proxy netip.Addr, believed []netip.Prefix) netip.Addr {
	at := proxy
	for entry := range backwards(r.Header["X-Forwarded-For"]) {
		reported, ok := parse(entry)
		if !ok {
			if c.unreadable.Add(1) == 1 && c.first != nil {
				c.first(r.Context(), at, entry)
			}
			return at
		}
		if at = reported; !Within(at, believed) {
			return at
		}
	}
	return at
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

// From returns the client's address that [Store] has stored, or the zero value if
// it is unknown.
func From(ctx context.Context) netip.Addr {
	stored, _ := ctx.Value(contextKey{}).(netip.Addr)
	return stored
}

// Peer returns the address of the TCP peer, an IPv4 one never in its IPv6-mapped
// form, or the zero value if the request has none.
func Peer(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(peer.Addr())
}

// Within reports whether an address is in one of the prefixes.
func Within(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// plain returns an address in the form in which it is compared.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
