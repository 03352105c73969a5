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
	"maps"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/maskurl"
)

// List is a set of allowed origins. It is immutable and safe for concurrent use.
// A nil or empty List allows nothing.
type List struct {
	origins map[string]struct{}
}

// NewList returns the set of entries such as "https://app.example.com",
// "http://localhost:5173" or "capacitor://localhost". Letters of web origins are
// folded to lower case and a default port is dropped, as browsers do. Anything
// else is an error that names the entry and says what to write: patterns, paths
// (also a single trailing slash), user information, "null", schemes whose pages
// have no origin, and international names that are not in their xn-- form. All
// faulty entries are reported at once.
func NewList(entries []string) (*List, error) {
	list := &List{origins: make(map[string]struct{}, len(entries))}
	var faults []error
	for _, entry := range entries {
		canonical, err := Canonical(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("origin %q: %w", maskurl.Hide(entry), err))
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

// Names returns the origins of the list, sorted.
func (l *List) Names() []string {
	if l == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(l.origins))
}

// Canonical returns a configured origin as a browser serialises it (RFC 6454 6.2).
// Its errors are those of [NewList], without the entry.
//
// Applications in a WebView, and extensions of browsers, have schemes of their
// own. URL parsers fold the host of http and https only, and some extensions
// have upper-case hosts, so the host of another scheme is kept as it is.
func Canonical(entry string) (string, error) {
	scheme, rest, found := strings.Cut(entry, "://")
	scheme = lower(scheme)
	if problem := noPage(scheme, rest); found && problem != "" {
		return "", errors.New(problem)
	}
	canonical, err := canonical(scheme, rest)
	if found && err == nil {
		return canonical, nil
	}
	return "", advise(entry, scheme, rest, found, err)
}

func canonical(scheme, rest string) (string, error) {
	if scheme != "http" && scheme != "https" {
		if !isScheme(scheme) {
			return "", errors.New("not a scheme")
		}
		return scheme + "://" + rest, checkAppHost(rest)
	}
	host, port, err := splitHostPort(lower(rest))
	if err != nil {
		return "", err
	}
	if port != "" {
		host += ":" + port
	}
	return withoutDefaultPort(scheme + "://" + host), nil
}

// noPage says why no page has an origin of that scheme, empty if one may.
func noPage(scheme, rest string) string {
	switch scheme {
	case "ws", "wss":
		page := strings.Replace(scheme, "ws", "http", 1)
		if whole, err := canonical(page, rest); err == nil {
			return "is the origin of a socket, not that of the page that opens it: write " + whole
		}
		return "is the origin of a socket, not that of the page that opens it, which begins with " + page + "://"
	case "file", "data", "blob", "about", "javascript":
		return "pages of this scheme send the origin null, which is never allowed: serve them over http"
	default:
		return ""
	}
}

// advise returns an error that says what to write instead of entry.
func advise(entry, scheme, rest string, found bool, cause error) error {
	switch {
	case lower(entry) == "null":
		return errors.New("null is what sandboxed frames and files send, and is never allowed: serve the page over http")
	case strings.Contains(entry, "*"):
		return errors.New("has a pattern, and there are no wildcards: list each origin whole")
	case strings.Contains(entry, ","):
		return errors.New("is more than one origin: make each an entry of its own")
	case strings.ContainsFunc(entry, func(c rune) bool { return c > '~' }):
		return errors.New("has letters that are not ASCII: write the xn-- form of the name, as browsers send it")
	case !found:
		if whole, err := Canonical("https://" + entry); err == nil {
			return fmt.Errorf("must begin with its scheme: write %s", whole)
		}
		return errors.New("must be scheme://host[:port]")
	}
	bare := rest
	if end := strings.IndexAny(bare, "/?#"); end >= 0 {
		bare = bare[:end]
	}
	bare = bare[strings.LastIndexByte(bare, '@')+1:]
	if whole, err := canonical(scheme, bare); err == nil {
		return fmt.Errorf("an origin is scheme://host[:port] and nothing more: write %s", whole)
	}
	return cause
}

// isScheme reports whether s, in lower case, is a scheme (RFC 3986 3.1).
func isScheme(s string) bool {
	return s != "" && 'a' <= s[0] && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// checkAppHost checks what follows the scheme of an application: a name, such as
// localhost, the ID of an extension, or the "." and "-" of Electron, and a port.
func checkAppHost(rest string) error {
	host, port, hasPort := strings.Cut(rest, ":")
	switch {
	case host == "" || len(host) > maxHost || strings.Trim(lower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		return errors.New("not a host name (no patterns, paths or user information)")
	case hasPort && !isPort(port):
		return errors.New("what follows the host is not a port (no paths, no trailing slash)")
	default:
		return nil
	}
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
