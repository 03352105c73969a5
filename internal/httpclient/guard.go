package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// ErrBlocked is the error of [Guard.Dial] if a host has no address that may
// be dialed.
var ErrBlocked = errors.New("no address of the host may be dialed")

// Guard connects to addresses that pass [MayDial] and to no others, for URLs
// that somebody else may have a say in. It checks the address that it dials,
// not one that the name resolved to earlier, so that a name cannot change its
// address in between (DNS rebinding; OWASP ASVS 13.2.4).
type Guard struct {
	// LookupIP resolves a host name. Default: the resolver of the system.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// DialAddr connects to an IP address and port that passed the check.
	// Default: a [net.Dialer] that gives up after [DefaultConnectTimeout], so
	// that a dead address leaves time for the next one.
	DialAddr func(ctx context.Context, network, address string) (net.Conn, error)
	// AllowPrivate admits loopback and private addresses too.
	AllowPrivate bool
}

// Dial tries the addresses of a host one after the other. It is for
// [Options].Dial.
func (g Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	failure := ErrBlocked
	for _, addr := range addrs {
		if !MayDial(addr, g.AllowPrivate) {
			continue
		}
		conn, err := g.connect(ctx, network, net.JoinHostPort(addr.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		failure = err
	}
	return nil, failure
}

// resolve returns the addresses of a host, which may be an address itself.
func (g Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if g.LookupIP != nil {
		return g.LookupIP(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (g Guard) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if g.DialAddr != nil {
		return g.DialAddr(ctx, network, address)
	}
	return (&net.Dialer{Timeout: DefaultConnectTimeout}).DialContext(ctx, network, address)
}

// MayDial reports whether an address is one of a host on the public internet,
// or where allowPrivate is set also a loopback or private one. Link-local
// addresses, among them the metadata services of clouds, never pass.
func MayDial(addr netip.Addr, allowPrivate bool) bool {
	addr = addr.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	if within(addr, privatePrefixes) {
		return allowPrivate
	}
	return within(addr, publicPrefixes) && !within(addr, specialPrefixes)
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

var (
	// privatePrefixes are loopback, RFC 1918, shared (RFC 6598) and unique
	// local (RFC 4193) addresses.
	privatePrefixes = prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "::1/128", "fc00::/7")

	// publicPrefixes hold every global unicast address (RFC 4291 2.4). NAT64
	// (64:ff9b::/96) lies outside and is refused.
	publicPrefixes = prefixes("0.0.0.0/0", "2000::/3")

	// specialPrefixes are the entries of the IANA special-purpose registries
	// inside publicPrefixes that are not the address of one host: among them
	// Teredo and 6to4, which may hide an IPv4 address.
	specialPrefixes = prefixes("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}
