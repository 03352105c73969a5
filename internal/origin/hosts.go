package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Hosts is a set of names by which a server may be addressed. Checking them
// defeats DNS rebinding, where a foreign name resolves to this server and the
// page behind it is then of the same origin. It does not change once made, so
// it is safe for concurrent use. A nil or empty Hosts allows nothing.
type Hosts struct {
	// anyPort holds the names configured without a port, exact those with
	// one, as "name:port".
	anyPort, exact map[string]struct{}
}

// NewHosts makes a Hosts of entries such as "api.example.com",
// "localhost:8080" or "[::1]". Without a port any port matches; with one, only
// a Host header that spells it out. Patterns, schemes, paths and what else is
// no host are errors that name the entry; all are reported at once.
func NewHosts(entries []string) (*Hosts, error) {
	hosts := &Hosts{anyPort: make(map[string]struct{}), exact: make(map[string]struct{})}
	var faults []error
	for _, entry := range entries {
		name, port, err := splitHostPort(lower(entry))
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("host %q: %w", entry, err))
		case port == "":
			hosts.anyPort[name] = struct{}{}
		default:
			hosts.exact[name+":"+port] = struct{}{}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return hosts, nil
}

// Allows tells whether host, as it stands in http.Request.Host, is in the
// set. Names compare without regard to case (RFC 9110 4.2.3); a trailing dot,
// an empty port and an empty host are refused.
func (h *Hosts) Allows(host string) bool {
	if h == nil || len(host) > maxHost+len(":65535") {
		return false
	}
	name, port, err := splitHostPort(lower(host))
	if err != nil {
		return false
	}
	if _, ok := h.anyPort[name]; ok {
		return true
	}
	_, ok := h.exact[name+":"+port]
	return ok
}

// maxHost bounds a name, in bytes (RFC 1035 2.3.4).
const maxHost = 253

// splitHostPort takes s, in lower case, apart; the port is empty where there is
// none.
func splitHostPort(s string) (host, port string, err error) {
	cut := strings.IndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		cut = strings.IndexByte(s, ']') + 1
	}
	if cut < 0 {
		cut = len(s)
	}
	if host, err = canonicalHost(s[:cut]); err != nil {
		return "", "", err
	}
	rest := s[cut:]
	port = strings.TrimPrefix(rest, ":")
	if rest != "" && (port == rest || !isPort(port)) {
		return "", "", errors.New("what follows the host is not a port (no paths, no trailing slash)")
	}
	return host, port, nil
}

// canonicalHost accepts a DNS name, an IPv4 address or an IPv6 address in
// brackets, which it returns in the one spelling that browsers use. What begins
// with a bracket ends with one: splitHostPort has cut it there.
func canonicalHost(s string) (string, error) {
	if !strings.HasPrefix(s, "[") {
		if !isName(s) {
			return "", errors.New("not a host name (no patterns, paths or user information)")
		}
		return s, nil
	}
	addr, err := netip.ParseAddr(s[1 : len(s)-1])
	// Browsers write an IPv4-mapped address in hexadecimal and netip does not;
	// nobody needs one here.
	if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
		return "", errors.New("not an IPv6 address in brackets")
	}
	return "[" + addr.String() + "]", nil
}

// isName accepts dot-separated labels of lower-case letters, digits, hyphens
// and underscores (which are no DNS host names, but container names).
func isName(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// isPort accepts 1 to 65535 without sign or leading zero: one spelling each.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// lower folds ASCII letters only: to strings.ToLower the Kelvin sign is a k,
// and a look-alike would become the name it looks like.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
