package relay

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"wsticket/internal/handshake"
)

// isHopByHop tells of the headers that belong to one connection: the known
// ones, and those that Connection names (RFC 9110 7.6.1).
func isHopByHop(name string, named map[string]bool) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	default:
		return named[name]
	}
}

// namedIn returns the headers that Connection names.
func namedIn(connection []string) map[string]bool {
	var named map[string]bool
	for _, name := range handshake.ListOf(connection) {
		if strings.EqualFold(name, "upgrade") {
			continue // Nearly always that is all.
		}
		if named == nil {
			named = make(map[string]bool)
		}
		named[http.CanonicalHeaderKey(name)] = true
	}
	return named
}

// Outbound makes the request for the application out of the handshake in. The
// caller may change it, and then hands it to [Relay.Open].
//
// Method, path, raw query and Host stay as they are, and so do all headers,
// Sec-WebSocket-* byte for byte, but for: what belongs to the connection of
// the client; names with an underscore, which many applications take for a
// dash; and what proxies say of a client. Where in comes from a trusted proxy,
// X-Forwarded-For is continued, and all else that it says is kept. From
// anybody else, nothing is: Forwarded, X-Real-Ip and X-Forwarded-* go, and
// X-Forwarded-For, -Host and -Proto are what is seen here.
func (r *Relay) Outbound(in *http.Request, trusted bool) *http.Request {
	named := namedIn(in.Header["Connection"])
	header := make(http.Header, len(in.Header)+3)
	for name, values := range in.Header {
		switch {
		case strings.HasPrefix(name, "Sec-Websocket-"):
			// Nobody can have the handshake itself taken out by naming it in
			// Connection.
		case isHopByHop(name, named), strings.Contains(name, "_"), !trusted && isOfProxies(name),
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

// isOfProxies tells of the headers by which proxies say who a client is and
// what it has asked for.
func isOfProxies(name string) bool {
	return name == "Forwarded" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-")
}

// setForwarded continues what trusted proxies have said, or begins it.
func setForwarded(header http.Header, in *http.Request) {
	// What has no port is no TCP peer and has no address to tell.
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

// RemoveHeaders removes every header whose name equals one of names, ignoring
// case and taking an underscore or a full stop for a dash.
func RemoveHeaders(h http.Header, names []string) {
	for present := range h {
		for _, name := range names {
			if len(present) == len(name) && strings.EqualFold(dashes(present), dashes(name)) {
				delete(h, present)
			}
		}
	}
}

// dashes folds names that some applications take for one (RFC 3875 4.1.18 and
// those who go further).
func dashes(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '.' {
			return '-'
		}
		return c
	}, name)
}

// withoutHopByHop returns what of the header of an answer goes on to the
// client.
func withoutHopByHop(h http.Header) http.Header {
	named := namedIn(h["Connection"])
	kept := make(http.Header, len(h))
	for name, values := range h {
		if !isHopByHop(name, named) {
			kept[name] = values
		}
	}
	return kept
}

// onTheWire returns h with the names of RFC 6455 as it spells them, where
// net/http has Sec-Websocket-Key: some applications and clients compare bytes.
func onTheWire(h http.Header) http.Header {
	spelled := make(http.Header, len(h))
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
			name = "Sec-WebSocket-" + rest
		}
		spelled[name] = values
	}
	return spelled
}
