package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"wsticket/ticket"
)

// listener is an address to listen on, and the key that sets it.
type listener struct{ key, addr string }

// checkListeners adds the faults of addresses to listen on, and of two that are
// the same. It resolves no name.
func checkListeners(f *ticket.OptionErrors, all ...listener) {
	for n, l := range all {
		f.Add(l.key, CheckListen(l.addr))
		if taken := slices.IndexFunc(all[:n], func(other listener) bool { return overlap(l.addr, other.addr) }); taken >= 0 {
			f.Check(false, l.key, "must not have the port of %s (got %q and %q): write another one", all[taken].key, l.addr, all[taken].addr)
		}
	}
}

// CheckListen returns what is wrong with an address to listen on.
func CheckListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	switch {
	case addr == "":
		return errors.New("must not be empty: write host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine")
	case strings.Contains(addr, "://"), strings.Contains(addr, "@"):
		return fmt.Errorf("must be host:port, not a URL (got %q)", addr)
	case err != nil:
		return fmt.Errorf("must be host:port (got %q): write %s", addr, withPort(addr))
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("the port must be a number from 0 to 65535 (got %q)", addr)
	}
	if strings.ContainsAny(host, "/ ?#") {
		return fmt.Errorf("the host must be an IP address or a name of this machine (got %q)", addr)
	}
	return nil
}

// withPort guesses what was meant by an address without a port, or without the
// brackets of an IPv6 address.
func withPort(addr string) string {
	if _, err := strconv.ParseUint(addr, 10, 16); err == nil {
		return ":" + addr
	}
	last := strings.LastIndexByte(addr, ':')
	if _, err := strconv.ParseUint(addr[last+1:], 10, 16); last > 0 && err == nil && len(addr)-last > 2 {
		return net.JoinHostPort(strings.Trim(addr[:last], "[]"), addr[last+1:])
	}
	host := strings.Trim(addr, "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(ip.String(), "8080")
	}
	return host + ":8080"
}

// overlap reports whether only one of two addresses can be listened on. Port 0
// is a free one each time.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return everyAddress(hostA) || everyAddress(hostB) || loopbackHost(hostA) == loopbackHost(hostB)
}

func everyAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// loopbackHost returns the address of a name that every machine has for itself,
// and any other host as it is.
func loopbackHost(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return strings.ToLower(host)
}
