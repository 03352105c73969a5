package clientip

import (
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// backwards yields the elements of a list over all its lines, the last one first.
// Empty ones mean nothing and are left out (RFC 9110 5.6.1.2).
func backwards(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				comma := strings.LastIndexByte(rest, ',')
				element := strings.Trim(rest[comma+1:], " \t")
				if element != "" && !yield(element) {
					return
				}
				if more = comma >= 0; more {
					rest = rest[:comma]
				}
			}
		}
	}
}

// parse reads an address as proxies write it: alone, with a port as AWS and Azure
// can append one, IPv6 with or without brackets, and in quotes (RFC 7239 6).
// "unknown" and names that hide an address, such as "_a", are none.
func parse(text string) (netip.Addr, bool) {
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		if text, quoted = strings.CutSuffix(inner, `"`); !quoted {
			return netip.Addr{}, false
		}
	}
	if host, ok := withoutPort(text); ok {
		text = host
	}
	addr, err := netip.ParseAddr(text)
	return plain(addr), err == nil
}

// withoutPort returns the host of "host:port", "[host]:port" and "[host]". An IPv6
// address without brackets has no port.
func withoutPort(text string) (host string, ok bool) {
	if inner, brackets := strings.CutPrefix(text, "["); brackets {
		host, port, closed := strings.Cut(inner, "]")
		return host, closed && strings.Contains(host, ":") && (port == "" || port[0] == ':' && isPort(port[1:]))
	}
	host, port, found := strings.Cut(text, ":")
	return host, found && isPort(port)
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
