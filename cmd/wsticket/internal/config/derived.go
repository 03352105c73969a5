package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"wsticket/gate"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

// Prefix is an address, or a prefix of addresses, as it was written.
type Prefix struct {
	netip.Prefix
	text string
}

// mappedBits is the length of the prefix of IPv4-mapped addresses (RFC 4291
// 2.5.5.2).
const mappedBits = 96

// UnmarshalText reads an address as the prefix of that address alone.
func (p *Prefix) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if addr, none := netip.ParseAddr(string(text)); none == nil {
		prefix, err = addr.Prefix(addr.BitLen())
	}
	if err != nil {
		return fmt.Errorf("must be an address or a prefix of addresses, such as 10.0.0.7 or 10.0.0.0/8 (got %q)", text)
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= mappedBits { // addresses are compared as IPv4
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-mappedBits)
	}
	*p = Prefix{prefix, string(text)}
	return nil
}

// String returns the text that was read.
func (p Prefix) String() string { return p.text }

// ParsedURL returns the parsed URL. It is nil if none is set or if its host is
// invalid, which package api reports as a fault.
func (p Public) ParsedURL() *url.URL {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil
	}
	if _, err := origin.NewHosts([]string{u.Host}); err != nil {
		return nil
	}
	return u
}

// AllowedHosts returns the configured hosts, else that of the public URL, else
// the names that this machine has for itself. None of these is a foreign name,
// which DNS rebinding needs.
func (p Public) AllowedHosts() []string {
	if len(p.Hosts) > 0 {
		return p.Hosts
	}
	if u := p.ParsedURL(); u != nil {
		return []string{u.Host}
	}
	return LoopbackNames()
}

// Prefixes returns the trusted proxies, without those that could not be read.
func (p Public) Prefixes() []netip.Prefix { return readable(p.TrustedProxies) }

// Peers are addresses for which an absent list is another one than an empty list.
type Peers []Prefix

// String returns what stands for an absent list, and the list.
func (p Peers) String() string {
	if p == nil {
		return "those of public.trusted_proxies"
	}
	return fmt.Sprint([]Prefix(p))
}

// AuthPeers returns the proxies that may ask at /auth/… without a key, without
// those that could not be read. The list is empty and not nil for nobody.
func (c Config) AuthPeers() []netip.Prefix {
	if c.Internal.ForwardAuthPeers == nil {
		return c.Public.Prefixes()
	}
	return readable(c.Internal.ForwardAuthPeers)
}

func readable(list []Prefix) []netip.Prefix {
	prefixes := []netip.Prefix{}
	for _, p := range list {
		if p.IsValid() {
			prefixes = append(prefixes, p.Prefix)
		}
	}
	return prefixes
}

// LoopbackNames returns the names that a machine has for itself.
func LoopbackNames() []string { return []string{"localhost", "127.0.0.1", "[::1]"} }

// AllDoors returns the names of all doors.
func AllDoors() []string {
	var names []string
	for _, door := range gate.Doors() {
		names = append(names, string(door))
	}
	return names
}

// OpenDoors returns the doors that are open, none for the default of package
// gate. The full list stands for those that can be: the cookie door needs
// sessions.
func (c Config) OpenDoors() []ticket.Door {
	full := c.Session.Cookie == "" && slices.Equal(c.WS.Doors, AllDoors())
	var open []ticket.Door
	for _, name := range c.WS.Doors {
		if door := ticket.Door(name); !full || door != ticket.DoorCookie {
			open = append(open, door)
		}
	}
	return open
}

// AudienceOptions returns the audiences as package ticket has them.
func (t Ticket) AudienceOptions() ticket.Audiences {
	audiences := make(ticket.Audiences, len(t.Audiences))
	for i, audience := range t.Audiences {
		audiences[i] = ticket.Audience(audience)
	}
	return audiences
}
