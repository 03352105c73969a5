package header

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// The errors of [SessionValue].
var (
	// ErrCookie is a cookie whose value is not made of cookie-octets, or one of
	// whose chunks is missing.
	ErrCookie = errors.New("malformed cookie")
	// ErrAmbiguous is a cookie that has two values. A page of a sibling domain
	// can add one.
	ErrAmbiguous = errors.New("ambiguous cookie")
)

// Cookie is a cookie as it was sent, without the white space around it.
type Cookie struct{ Name, Value string }

// String returns the cookie as a Cookie header has it.
func (c Cookie) String() string { return c.Name + "=" + c.Value }

// SessionCookies returns the cookies that make up the session cookie of that
// name, in order: those of the name itself, and the chunks of a value that is too
// long for one cookie. The chunks of Auth.js are name.0, name.1 and so on; those
// of ASP.NET Core are nameC1, nameC2, while name itself is "chunks-2".
//
// A cookie without a value is none: servers end a session by setting it. Cookies
// with other names may have any form: they belong to others (RFC 6265 5.4).
func SessionCookies(lines []string, name string) []Cookie {
	var family []Cookie
	chunked := isChunked(lines, name)
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if c := parseCookie(pair); unquote(c.Value) != "" && isOf(c.Name, name, chunked) {
				family = append(family, c)
			}
		}
	}
	return family
}

// WithoutSession returns Cookie headers without those of [SessionCookies]. All
// others stay as they are.
func WithoutSession(lines []string, name string) []string {
	chunked := isChunked(lines, name)
	return WithoutCookies(lines, func(pair string) bool { return isOf(parseCookie(pair).Name, name, chunked) })
}

// WithoutCookies returns Cookie headers without the cookies of which remove says
// so. It gets them as they were sent, such as "name=value".
func WithoutCookies(lines []string, remove func(pair string) bool) []string {
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if !remove(pair) {
				pairs = append(pairs, strings.Trim(pair, " \t"))
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	return kept
}

// SessionValue returns the one value of a session cookie that [SessionCookies]
// has found: without quotes, its chunks joined. The same cookie twice with the
// same value is one.
func SessionValue(family []Cookie, name string) (string, error) {
	values := make(map[string]string, len(family))
	for _, c := range family {
		value := unquote(c.Value)
		if before, twice := values[c.Name]; twice && before != value {
			return "", ErrAmbiguous
		}
		if !IsCookieValue(value) {
			return "", ErrCookie
		}
		values[c.Name] = value
	}
	whole, found := values[name]
	count, chunked := strings.CutPrefix(whole, chunkCount)
	switch {
	case found && chunked:
		return joinChunks(values, name+chunkSuffix, 1, count)
	case found && len(values) > 1:
		return "", ErrAmbiguous
	case found:
		return whole, nil
	default:
		return joinChunks(values, name+".", 0, strconv.Itoa(len(values)))
	}
}

// joinChunks joins count chunks, the first of which has the number first. There
// must be no others.
func joinChunks(values map[string]string, prefix string, first int, count string) (string, error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > len(values) {
		return "", ErrCookie
	}
	var joined strings.Builder
	for i := first; i < first+n; i++ {
		chunk, found := values[prefix+strconv.Itoa(i)]
		if !found {
			return "", ErrCookie
		}
		joined.WriteString(chunk)
	}
	return joined.String(), nil
}

// The names of chunks in ASP.NET Core's ChunkingCookieManager.
const (
	chunkCount  = "chunks-"
	chunkSuffix = "C"
)

// isChunked reports whether the cookie of that name says that its value is in
// chunks as ASP.NET Core makes them. Otherwise nameC1 is somebody else's.
func isChunked(lines []string, name string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		for pair := range strings.SplitSeq(line, ";") {
			if c := parseCookie(pair); c.Name == name && strings.HasPrefix(unquote(c.Value), chunkCount) {
				return true
			}
		}
		return false
	})
}

// isOf reports whether a cookie is the one of that name, or a chunk of it.
func isOf(cookie, name string, chunked bool) bool {
	rest, ours := strings.CutPrefix(cookie, name)
	if !ours || rest == "" {
		return ours
	}
	number, chunk := strings.CutPrefix(rest, ".")
	if !chunk && chunked {
		number, chunk = strings.CutPrefix(rest, chunkSuffix)
	}
	return chunk && number != "" && strings.Trim(number, "0123456789") == ""
}

func parseCookie(pair string) Cookie {
	name, value, _ := strings.Cut(pair, "=")
	return Cookie{strings.Trim(name, " \t"), strings.Trim(value, " \t")}
}

// unquote removes the quotes around a value (RFC 6265 4.1.1). They are no part
// of it: servers that write them remove them, too.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// IsCookieValue reports whether s is one or more cookie-octets, without the
// quotes that RFC 6265 4.1.1 allows.
func IsCookieValue(s string) bool {
	return s != "" && !strings.ContainsFunc(s, notCookieOctet)
}

// notCookieOctet is the complement of cookie-octet in RFC 6265 4.1.1.
func notCookieOctet(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(`",;\`, c)
}
