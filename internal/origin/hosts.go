package origin

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"wsticket/internal/maskurl"
)

// Hosts is the set of names by which clients may address a server. Checking the
// Host header against it defeats DNS rebinding, where an attacker's name resolves
// to this server and makes it the same origin as the attacker's page. Hosts is
// immutable and safe for concurrent use. A nil or empty Hosts allows nothing.
type Hosts struct {
	// anyPort holds the names that were configured without a port, exact the
	// others, as "name:port".
	anyPort, exact map[string]struct{}
}

// NewHosts returns the set of entries such as "api.example.com",
// "localhost:8080" or "[::1]". An entry without a port matches any port; an entry
// with a port matches only a Host header with that port, or without one where it
// is the default port of http or https. Anything else, such as
// a pattern, a scheme or a path, is an error that names the entry. All faulty
// entries are reported at once.
func NewHosts(entries []string) (*Hosts, error) {
	hosts := &Hosts{anyPort: make(map[string]struct{}), exact: make(map[string]struct{})}
	var faults []error
	for _, entry := range entries {
		name, port, err := splitHostPort(lower(entry))
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("host %q: %w%s", maskurl.Hide(entry), err, repairHost(entry)))
		case port == "":
			hosts.anyPort[name] = struct{}{}
		default:
			hosts.exact[name+":"+port] = struct{}{}
			if port == "443" || port == "80" {
				hosts.exact[name+":"] = struct{}{} // clients leave it out (RFC 9110 7.2)
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return hosts, nil
}

// Allows reports whether host, the value of http.Request.Host, is in the set.
// Names are compared without regard to case (RFC 9110 4.2.3). A trailing dot,
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

// Names returns the names of the set, sorted, each with its port if it has one.
func (h *Hosts) Names() []string {
	if h == nil {
		return nil
	}
	names := slices.Collect(maps.Keys(h.anyPort))
	for name := range h.exact {
		if !strings.HasSuffix(name, ":") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// maxHost is the maximum length of a name in bytes (RFC 1035 2.3.4).
const maxHost = 253

// splitHostPort splits s, which is in lower case, into a canonical host and a
// port. The port is empty if s has none.
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
// brackets, and returns it in the spelling that browsers use. If s begins with a
// bracket it also ends with one, because that is where splitHostPort cuts.
func canonicalHost(s string) (string, error) {
	if !strings.HasPrefix(s, "[") {
		if !isName(s) {
			return "", errors.New("not a host name (no patterns, paths or user information)")
		}
		return s, nil
	}
	addr, err := netip.ParseAddr(s[1 : len(s)-1])
	// IPv4-mapped addresses are refused: browsers write them in hexadecimal,
	// netip does not, and nobody needs them here.
	if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
		return "", errors.New("not an IPv6 address in brackets")
	}
	return "[" + addr.String() + "]", nil
}

// isName reports whether s consists of dot-separated labels of lower-case
// letters, digits, hyphens and underscores. Underscores are not allowed in DNS
// host names, but occur in the names of containers.
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

// isPort reports whether s is a number from 1 to 65535, without a sign or leading
// zeros, so that each port has one spelling.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// lower folds ASCII letters only. strings.ToLower would turn the Kelvin sign into
// a k, and so a look-alike name into the name that it imitates.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// repairHost says what to write in place of an entry of [NewHosts] that is a URL,
// or has a slash at its end.
func repairHost(entry string) string {
	_, rest, ok := strings.Cut(entry, "://")
	if !ok {
		rest = entry
	}
	host, _, _ := strings.Cut(rest, "/")
	name, port, err := splitHostPort(lower(host))
	switch {
	case err != nil:
		return ""
	case port != "":
		name += ":" + port
	}
	return ": write " + name
}
