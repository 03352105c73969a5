package service

import (
	"net/netip"
	"slices"
)

// everyPrefix are the addresses of the Internet: all of IPv4, and what is
// allocated of IPv6 (RFC 4291 2.4).
var everyPrefix = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")}

// notPublic are addresses that nobody has on the Internet (RFC 6890, RFC 5771).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("2001:db8::/32"),
}

// isEverybody reports whether a list contains every public address of IPv4 or of
// IPv6, in however many parts.
func isEverybody(list []netip.Prefix) bool {
	known := slices.Concat(list, notPublic)
	return slices.ContainsFunc(everyPrefix, func(every netip.Prefix) bool { return covered(every, known) })
}

// covered reports whether a prefix is within the union of others. It looks at
// halves of it only where one of the others is smaller, so that it ends soon.
func covered(p netip.Prefix, by []netip.Prefix) bool {
	smaller := false
	for _, other := range by {
		if !other.Overlaps(p) {
			continue
		}
		if other.Bits() <= p.Bits() {
			return true
		}
		smaller = true
	}
	if !smaller {
		return false
	}
	low, high := halves(p)
	return covered(low, by) && covered(high, by)
}

// halves splits a prefix that is no single address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bytes := p.Masked().Addr().AsSlice()
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	above, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(p.Masked().Addr(), p.Bits()+1), netip.PrefixFrom(above, p.Bits()+1)
}
