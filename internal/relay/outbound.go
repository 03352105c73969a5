package relay

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"wsticket/internal/header"
	"wsticket/internal/proxyheader"
)

// isHopByHop reports whether a header field belongs to one connection and is
// not forwarded: a well-known one, or one of named, which the Connection field
// lists (RFC 9110 7.6.1).
func isHopByHop(name string, named map[string]bool) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
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
// handshake in, which the gate has passed. The caller may change it before it
// passes it to [Relay.Open].
//
// Method, path, raw query, Host and header fields are copied, Sec-WebSocket-*
// byte for byte. In the query, what may not stand in a request line is escaped.
// Not copied are:
//   - hop-by-hop fields, and those that Connection names. It cannot name what was
//     verified: Origin, the handshake, and what a trusted proxy states.
//   - fields about a body, which a handshake does not have
//   - names with other characters than letters, digits and dashes: many
//     applications take an underscore or a full stop for a dash
//   - Proxy, which CGI takes for a setting of its own (CVE-2016-5385)
//   - X-Request-Id, which is for the caller to set
//   - unless trusted, the fields of package proxyheader.
//
// trusted says that in comes from a trusted proxy. Then its fields about the
// client are kept, and the peer's address is appended to X-Forwarded-For.
// Otherwise X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto are set from
// the connection itself.
func (r *Relay) Outbound(in *http.Request, trusted bool) *http.Request {
	named := connectionNames(in.Header["Connection"])
	out := make(http.Header, len(in.Header)+4)
	for name, values := range in.Header {
		name = http.CanonicalHeaderKey(name)
		if isKept(name, named, trusted) {
			out[name] = slices.Concat(out[name], values)
		}
	}
	out["Connection"], out["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	setForwarded(out, in)
	return &http.Request{
		Method: in.Method, Host: in.Host, Header: out,
		URL: &url.URL{
			Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: escapeQuery(in.URL.RawQuery), ForceQuery: in.URL.ForceQuery,
		},
	}
}

// isKept reports whether a field of the client goes on to the application.
func isKept(name string, named map[string]bool, trusted bool) bool {
	switch {
	case strings.Trim(name, plainName) != "":
		return false
	case isVerified(name):
		return true
	case proxyheader.Is(name):
		return trusted // There are proxies that pass on the client's Connection, too.
	case isHopByHop(name, named):
		return false
	default:
		return name != "Content-Length" && name != "Expect" && name != "Proxy" && name != requestID
	}
}

const requestID = "X-Request-Id"

const plainName = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isVerified reports whether the gate has checked a field.
func isVerified(name string) bool {
	switch name {
	case "Origin", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions":
		return true
	default:
		return false
	}
}

// setForwarded appends the peer's address to X-Forwarded-For, and sets
// X-Forwarded-Host and X-Forwarded-Proto if no trusted proxy has. Each of them
// becomes one line.
func setForwarded(out http.Header, in *http.Request) {
	clients, hosts, protos := header.List(out["X-Forwarded-For"]), header.List(out["X-Forwarded-Host"]), header.List(out["X-Forwarded-Proto"])
	// An address without a port is that of a Unix socket, which has no IP.
	if peer, _, err := net.SplitHostPort(in.RemoteAddr); err == nil {
		clients = append(clients, peer)
	}
	if len(hosts) == 0 {
		hosts = []string{in.Host}
	}
	switch {
	case len(protos) > 0:
	case in.TLS != nil:
		protos = []string{"https"}
	default:
		protos = []string{"http"}
	}
	header.Set(out, "X-Forwarded-For", oneLine(clients))
	header.Set(out, "X-Forwarded-Host", oneLine(hosts))
	header.Set(out, "X-Forwarded-Proto", oneLine(protos))
}

// oneLine returns a list as the lines of a header: one, or none if it is empty.
func oneLine(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return []string{strings.Join(list, ", ")}
}

// escapeQuery escapes what net/http accepts in a query and a request line must
// not have (RFC 9112 3.2): bytes that are not ASCII, and "#", at which some cut.
func escapeQuery(raw string) string {
	if !strings.ContainsFunc(raw, isNotInQuery) {
		return raw
	}
	var text strings.Builder
	for _, c := range []byte(raw) {
		if isNotInQuery(rune(c)) {
			fmt.Fprintf(&text, "%%%02X", c)
		} else {
			text.WriteByte(c)
		}
	}
	return text.String()
}

func isNotInQuery(c rune) bool { return c <= ' ' || c == '#' || c > '~' }

// answerHeader returns the fields of an answer's header that are forwarded to the
// client. An application has been told the ID of the request. If its answer had
// another one, the client would report an ID that our log does not have.
func answerHeader(h http.Header) http.Header {
	named := connectionNames(h["Connection"])
	kept := make(http.Header, len(h))
	for name, values := range h {
		if !isHopByHop(name, named) && name != requestID {
			kept[name] = values
		}
	}
	return kept
}
