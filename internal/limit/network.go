package limit

import (
	"net/netip"
	"time"
)

// Networks are the sizes of what may belong to one client, by the length of
// their IPv6 prefixes, with how many times the events of one client they may
// have. A home has a /64 for each of its networks, and often a /56 of its own
// (RFC 6177); the few people in it use their own addresses at a time. A /48 is
// that of a company, a data center, or a carrier's users behind one translator:
// there are more of them, and an attacker can rent one. An IPv4 address has no
// larger network here, because neighbours in one belong to different people.
var Networks = [...]struct{ Bits, Times int }{{64, 1}, {56, 4}, {48, 16}}

// Client is whose events a limit counts.
type Client struct {
	Addr netip.Addr
	// Many reports whether many clients may have this address, because it is that
	// of a proxy, which does not say readably whom it stands for.
	Many bool
}

// Network returns the n-th network of a client, which is a key of a limit: its
// prefix, or the address itself of an IPv4 one, where only n = 0 is ok. An address
// of many clients is one network of the last size, which may have the most. All
// unknown addresses share one such network, the zero value.
func (c Client) Network(n int) (network netip.Prefix, ok bool) {
	a := c.Addr.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return netip.Prefix{}, n == len(Networks)-1
	case c.Many:
		return netip.PrefixFrom(a, a.BitLen()), n == len(Networks)-1
	case a.Is4():
		return netip.PrefixFrom(a, a.BitLen()), n == 0
	default:
		return netip.PrefixFrom(a, Networks[n].Bits).Masked(), true
	}
}

// Times returns how many times the events of one client a network may have.
func Times(network netip.Prefix) int {
	for _, size := range Networks {
		if network.Addr().Is6() && network.Bits() == size.Bits {
			return size.Times
		}
	}
	if !network.IsValid() {
		return Networks[len(Networks)-1].Times
	}
	return 1
}

// AddrKey returns the smallest network of an address as a text. All unknown
// addresses share one.
func AddrKey(a netip.Addr) string {
	network, ok := Client{Addr: a}.Network(0)
	switch {
	case !ok:
		return "unknown"
	case network.IsSingleIP():
		return network.Addr().String()
	default:
		return network.String()
	}
}

// NetworkText names a network in logs, "unknown" for that of clients without an
// address.
func NetworkText(network netip.Prefix) string {
	if !network.IsValid() {
		return "unknown"
	}
	return network.String()
}

// Addresses is a limit for each client address and for its networks. It is safe
// for concurrent use.
type Addresses [len(Networks)]*Limiter[netip.Prefix]

// NewAddresses returns Addresses that admit a rate for each client, and the
// multiples of [Networks] for each of its networks. They hold about maxKeys of
// each size.
func NewAddresses(rate Rate, maxKeys int, now func() time.Time) *Addresses {
	var a Addresses
	for n, network := range Networks {
		a[n] = New[netip.Prefix](Rate{Events: rate.Events * network.Times, Per: rate.Per}, maxKeys, now)
	}
	return &a
}

// Inherit takes over what others have counted; see [Limiter.Inherit].
func (a *Addresses) Inherit(from *Addresses) {
	for n, limiter := range a {
		limiter.Inherit(from[n])
	}
}

// Allow counts an event of a client. If it is one too many it returns how long
// to wait, and the network that has had too many. The smallest is asked first: a
// client beyond its own limit does not use up that of its neighbours.
func (a *Addresses) Allow(c Client) (retryAfter time.Duration, network netip.Prefix, ok bool) {
	for n, limiter := range a {
		network, counts := c.Network(n)
		if !counts {
			continue
		}
		if after, ok := limiter.Allow(network); !ok {
			return after, network, false
		}
	}
	return 0, netip.Prefix{}, true
}
