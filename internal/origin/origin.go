// Package origin decides which web origins and which Host names a server
// answers, by exact comparison and nothing cleverer.
//
// A browser names the page behind a request in its Origin header (RFC 6454 7),
// and a WebSocket server has to check it itself (RFC 6455 10.2), because the
// same-origin policy does not cover handshakes. Patterns, suffixes and URL
// parsers have each let strangers in; a list of whole strings has not.
package origin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// List is a set of allowed origins. It does not change once made, so it is
// safe for concurrent use. A nil or empty List allows nothing.
type List struct {
	origins map[string]struct{}
}

// NewList makes a List of entries such as "https://app.example.com" or
// "http://localhost:5173". Letters are folded to lower case and a default port
// is dropped, as browsers do. Whatever else could be read in two ways is an
// error that names the entry: patterns, paths, even a lone trailing slash,
// user information, "null", other schemes, international names that are not
// in their xn-- form. All faulty entries are reported at once.
func NewList(entries []string) (*List, error) {
	list := &List{origins: make(map[string]struct{}, len(entries))}
	var faults []error
	for _, entry := range entries {
		canonical, err := Canonical(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("origin %q: %w", entry, err))
			continue
		}
		list.origins[canonical] = struct{}{}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return list, nil
}

// Allows tells whether value, as it stood in an Origin header, is one of the
// list, and returns it without its default port. Other than that port it has
// to be equal byte for byte: browsers send lower case, so whoever does not is
// no browser and gains nothing by being understood.
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

// FromRequest returns the Origin header of r. It is present where the header
// is, even with an empty value; ok is false where there is more than one,
// which no browser sends and which two programs may read differently.
func FromRequest(r *http.Request) (value string, present, ok bool) {
	values := r.Header["Origin"]
	switch len(values) {
	case 0:
		return "", false, true
	case 1:
		return values[0], true, true
	default:
		return "", true, false
	}
}

// Check compares the Origin header of a handshake with the list. The canonical
// origin is empty where there is none and none is needed. Sec-Fetch-Site is
// not asked: an allowed origin may well be of another site.
func (l *List) Check(r *http.Request, allowMissing bool) (canonical string, ok bool) {
	value, present, once := FromRequest(r)
	if !present {
		return "", allowMissing
	}
	canonical, ok = l.Allows(value)
	return canonical, ok && once
}

// Canonical serialises a configured origin as a browser would (RFC 6454 6.2).
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

// withoutDefaultPort cuts the port that the scheme implies.
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
