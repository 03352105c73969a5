package relay

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"wsticket/internal/header"
)

// isHopByHop reports whether a header field belongs to one connection and is
// not forwarded: a well-known one, or one of named, which the Connection field
// lists (RFC 9110 7.6.1).
func isHopByHop(name string, named map[string]bool) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	default:
		return named[name]
	}
}

// connectionNames returns the field names that the Connection field lists,
// without "upgrade".
func connectionNames(connection []string) map[string]bool {
	var named map[string]bool
	for _, name := range header.List(connection) {
		if strings.EqualFold(name, "upgrade") {
			continue // Usually it is the only one, and no map is needed.
		}
		if named == nil {
			named = make(map[string]bool)
		}
		named[http.CanonicalHeaderKey(name)] = true
	}
	return named
}

// Outbound returns the request for the application that corresponds to the
// handshake in. The caller may change it before it passes it to [Relay.Open].
//
// Method, path, raw query, Host and header fields are copied, Sec-WebSocket-*
// byte for byte. Not copied are hop-by-hop fields; names with an underscore,
// which many applications do not distinguish from a dash; and, unless trusted,
// the fields in which proxies describe a client.
//
// trusted says that in comes from a trusted proxy. Then its Forwarded,
// X-Real-Ip and X-Forwarded-* fields are kept, and the peer's address is
// appended to X-Forwarded-For. Otherwise they are dropped, and X-Forwarded-For,
// X-Forwarded-Host and X-Forwarded-Proto are set from the connection itself.
func (r *Relay) Outbound(in *http.Request, trusted bool) *http.Request {
	named := connectionNames(in.Header["Connection"])
	header := make(http.Header, len(in.Header)+3)
	for name, values := range in.Header {
		switch {
		case strings.HasPrefix(name, "Sec-Websocket-"):
			// Kept even if Connection lists it: a client must not be able to
			// have parts of the handshake removed.
		case isHopByHop(name, named), strings.Contains(name, "_"), !trusted && isProxyField(name),
			name == "Content-Length", name == "Expect": // A handshake has no body.
			continue
		}
		header[name] = values
	}
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	setForwarded(header, in)
	return &http.Request{
		Method: in.Method, Host: in.Host, Header: header,
		URL: &url.URL{Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery},
	}
}

// isProxyField reports whether name is a field in which proxies state who a
// client is and what it has requested.
func isProxyField(name string) bool {
	return name == "Forwarded" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-")
}

// setForwarded appends the peer's address to X-Forwarded-For, and sets
// X-Forwarded-Host and X-Forwarded-Proto if no trusted proxy has.
func setForwarded(header http.Header, in *http.Request) {
	// An address without a port is that of a Unix socket, which has no IP.
	if peer, _, err := net.SplitHostPort(in.RemoteAddr); err == nil {
		before := header["X-Forwarded-For"]
		header["X-Forwarded-For"] = []string{strings.Join(append(before[:len(before):len(before)], peer), ", ")}
	}
	if len(header["X-Forwarded-Host"]) == 0 {
		header["X-Forwarded-Host"] = []string{in.Host}
	}
	if len(header["X-Forwarded-Proto"]) == 0 {
		proto := "http"
		if in.TLS != nil {
			proto = "https"
		}
		header["X-Forwarded-Proto"] = []string{proto}
	}
}

// RemoveHeaders removes every field of h whose name equals one of names. Case
// is ignored, and underscores and full stops are treated as dashes, because
// applications may not distinguish them.
func RemoveHeaders(h http.Header, names []string) {
	for present := range h {
		for _, name := range names {
			if len(present) == len(name) && strings.EqualFold(withDashes(present), withDashes(name)) {
				delete(h, present)
			}
		}
	}
}

// withDashes replaces the characters that some applications treat as a dash:
// the underscore (RFC 3875 4.1.18) and, with some of them, the full stop.
func withDashes(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '.' {
			return '-'
		}
		return c
	}, name)
}

// withoutHopByHop returns the fields of an answer's header that are forwarded
// to the client.
func withoutHopByHop(h http.Header) http.Header {
	named := connectionNames(h["Connection"])
	kept := make(http.Header, len(h))
	for name, values := range h {
		if !isHopByHop(name, named) {
			kept[name] = values
		}
	}
	return kept
}
