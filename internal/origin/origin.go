// Package origin decides which web origins and which Host names a server
// answers. It compares whole strings: patterns, suffixes and URL parsers have all
// been the cause of bypasses in other servers.
//
// A browser names the origin of the page behind a request in the Origin header
// (RFC 6454 7). A WebSocket server has to check it (RFC 6455 10.2), because the
// same-origin policy does not cover WebSocket handshakes.
package origin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// List is a set of allowed origins. It is immutable and safe for concurrent use.
// A nil or empty List allows nothing.
type List struct {
	origins map[string]struct{}
}

// NewList returns the set of entries such as "https://app.example.com" or
// "http://localhost:5173". Letters are folded to lower case and a default port
// is dropped, as browsers do. Anything else is an error that names the entry:
// patterns, paths (also a single trailing slash), user information, "null", other
// schemes, and international names that are not in their xn-- form. All faulty
// entries are reported at once.
func NewList(entries []string) (*List, error) {
	list := &List{origins: make(map[string]struct{}, len(entries))}
	var faults []error
	for _, entry := range entries {
		canonical, err := Canonical(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("origin %q: %w%s", entry, err, repair(entry)))
			continue
		}
		list.origins[canonical] = struct{}{}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return list, nil
}

// Allows reports whether value, the value of an Origin header, is in the list,
// and returns it without its default port. Apart from that port the comparison is
// byte for byte. Browsers send origins in lower case, so other spellings are not
// worth accepting.
func (l *List) Allows(value string) (canonical string, ok bool) {
	if l == nil {
		return "", false
	}
	value = withoutDefaultPort(value)
	if _, ok := l.origins[value]; !ok {
		return "", false
	}
	return value, true
}

// FromHeader returns the Origin header. present reports whether there is one, even
// with an empty value. ok is false if there is more than one: no browser sends that,
// and two programs may read it differently.
func FromHeader(h http.Header) (value string, present, ok bool) {
	values := h["Origin"]
	switch len(values) {
	case 0:
		return "", false, true
	case 1:
		return values[0], true, true
	default:
		return "", true, false
	}
}

// Check reports whether the Origin header of a handshake is in the list, and
// returns it in canonical form. A handshake without the header is accepted, with
// an empty origin, if allowMissing is true. Sec-Fetch-Site is not considered,
// because an allowed origin may belong to another site.
func (l *List) Check(h http.Header, allowMissing bool) (canonical string, ok bool) {
	value, present, once := FromHeader(h)
	if !present {
		return "", allowMissing
	}
	canonical, ok = l.Allows(value)
	return canonical, ok && once
}

// Canonical returns a configured origin as a browser serialises it (RFC 6454 6.2).
// Its errors are those of [NewList], without the entry.
func Canonical(entry string) (string, error) {
	scheme, rest, found := strings.Cut(lower(entry), "://")
	if !found || scheme != "http" && scheme != "https" {
		return "", errors.New("must begin with http:// or https://")
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return "", err
	}
	if port != "" {
		host += ":" + port
	}
	return withoutDefaultPort(scheme + "://" + host), nil
}

// withoutDefaultPort removes the port that the scheme implies.
func withoutDefaultPort(value string) string {
	switch {
	case strings.HasPrefix(value, "https://"):
		return strings.TrimSuffix(value, ":443")
	case strings.HasPrefix(value, "http://"):
		return strings.TrimSuffix(value, ":80")
	default:
		return value
	}
}
