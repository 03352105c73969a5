package auth

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"time"
)

// dialTimeout bounds the attempt at one address, so that a dead first one
// leaves time for the next.
const dialTimeout = 2 * time.Second

// Network replaces parts of the network that keys are fetched over. The zero
// value is the system's resolver, dialer and root certificates.
type Network struct {
	// LookupIP resolves a host name. Each address is checked after it.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address that has been checked: an IP and a port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs are those that may have signed the certificate of a key URL.
	RootCAs *x509.CertPool
}

func (n Network) withDefaults() Network {
	if n.LookupIP == nil {
		n.LookupIP = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if n.Dial == nil {
		n.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return n
}

// dialer connects to addresses that pass [mayDial], and to no others. It
// checks what it dials, not what a name resolved to some time before, so that
// a name cannot change its address in between (ASVS 13.2.4, DNS rebinding).
type dialer struct {
	network      Network
	allowPrivate bool
}

// dial tries the addresses of a name one after the other, and none that may
// not be dialed, whatever else the name resolves to.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errUnreachable
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, errUnreachable
	}
	result := errBlocked
	for _, addr := range addrs {
		if !mayDial(addr, d.allowPrivate) {
			continue
		}
		conn, err := d.network.Dial(ctx, network, net.JoinHostPort(addr.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		result = errUnreachable
	}
	return nil, result
}

// resolve returns a plain address as it is.
func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return d.network.LookupIP(ctx, host)
}

// mayDial tells whether keys may be fetched from an address: a public one, or
// also a loopback or private one where the operator allowed that. Link-local
// addresses, among them the metadata services of clouds, never.
func mayDial(addr netip.Addr, allowPrivate bool) bool {
	addr = addr.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	if within(addr, privatePrefixes()) {
		return allowPrivate
	}
	return (addr.Is4() || within(addr, prefixes("2000::/3"))) && !within(addr, specialPrefixes())
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// privatePrefixes are loopback, RFC 1918, shared (RFC 6598) and unique local
// (RFC 4193) addresses.
func privatePrefixes() []netip.Prefix {
	return prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "::1/128", "fc00::/7")
}

// specialPrefixes are those of the IANA special-purpose registries that are
// not the address of one host on the public internet. For IPv6 only what lies
// in 2000::/3 is listed: Teredo, 6to4 and others that may hide an IPv4
// address. NAT64 (64:ff9b::/96) lies outside and is refused with the rest.
func specialPrefixes() []netip.Prefix {
	return prefixes("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

// prefixes are written in the code; a wrong one fails in every test.
func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}
