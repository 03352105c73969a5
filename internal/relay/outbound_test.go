package relay_test

import (
	"bufio"
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/relay"
)

// outbound returns the outbound form of a handshake with these header lines.
func outbound(t *testing.T, trusted bool, lines ...string) *http.Request {
	t.Helper()
	in := strings.Replace(request, "\r\n\r\n", "\r\n"+strings.Join(append(lines, "\r\n"), "\r\n"), 1)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(in)))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	rl, err := relay.New(relay.Options{Upstream: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	return rl.Outbound(r, trusted)
}

// always returns the header of every outbound handshake, plus more.
func always(more http.Header) http.Header {
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"api.example.com"}, "X-Forwarded-Proto": {"http"},
	}
	maps.Copy(h, more)
	return h
}

func TestOutboundHeaders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule    string
		trusted bool
		lines   []string
		want    http.Header // besides always
	}{
		{"only what is necessary", false, nil, nil},
		{"other headers pass, with all their lines", false, []string{"Cookie: a=1; b=2", "X-App: 1", "X-App: 2", "Origin: null"}, http.Header{
			"Cookie": {"a=1; b=2"}, "X-App": {"1", "2"}, "Origin": {"null"},
		}},
		{"extensions and subprotocols pass byte for byte", false, []string{
			"Sec-WebSocket-Extensions: permessage-deflate;  client_max_window_bits", "Sec-WebSocket-Protocol: a ,b",
		}, http.Header{
			"Sec-Websocket-Extensions": {"permessage-deflate;  client_max_window_bits"}, "Sec-Websocket-Protocol": {"a ,b"},
		}},
		{"hop-by-hop headers do not pass", false, []string{
			"Keep-Alive: 1", "Proxy-Connection: x", "Proxy-Authorization: x", "Proxy-Authenticate: x", "TE: trailers", "Trailer: X", "Expect: x",
		}, nil},
		{"nor those that Connection names, in any case and in any line", false, []string{
			"Connection: x-one ,X-TWO", "X-One: 1", "X-Two: 2", "Connection: Cookie", "Cookie: a=1", "X-Three: 3",
		}, http.Header{"X-Three": {"3"}}},
		{"Connection cannot remove what the relay sets", false, []string{
			"Connection: X-Forwarded-For, Sec-WebSocket-Key, Sec-WebSocket-Version",
		}, nil},
		{"nor what was verified", false, []string{
			"Origin: https://app.example.com", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b",
			"Connection: Origin,, oRIGIN", "Connection: sec-websocket-protocol ,Sec-WebSocket-Extensions, Upgrade, Connection, Host, X-Forwarded-Host, X-Forwarded-Proto",
		}, http.Header{"Origin": {"https://app.example.com"}, "Sec-Websocket-Protocol": {"a"}, "Sec-Websocket-Extensions": {"b"}}},
		{"nor what a trusted proxy states", true, []string{
			"Connection: Forwarded, X-Forwarded-Port,x-forwarded-for", "Connection: X-FORWARDED-PROTO, X-Real-IP, Cf-Connecting-Ip, X-App", "X-App: 1",
			"Forwarded: for=1.1.1.1", "X-Forwarded-Port: 443", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Real-IP: 1.1.1.1", "CF-Connecting-IP: 1.1.1.1",
		}, http.Header{
			"Forwarded": {"for=1.1.1.1"}, "X-Forwarded-Port": {"443"}, "X-Forwarded-For": {"1.1.1.1, 192.0.2.1"},
			"X-Forwarded-Proto": {"https"}, "X-Real-Ip": {"1.1.1.1"}, "Cf-Connecting-Ip": {"1.1.1.1"},
		}},
		{"names with other characters than letters, digits and dashes do not pass", false, []string{
			"X_Auth_Request_User: root", "X-Auth_Request-User: root", "X_Forwarded_For: 1.1.1.1", "_: x", "X.Forwarded.For: 1.1.1.1", "X~App: 1", "Transfer.Encoding: chunked",
		}, nil},
		{"what a handshake has no use for", false, []string{"Content-Length: 0", "Proxy: http://evil.example", "HTTP2-Settings: x", "X-Request-Id: x"}, nil},
		{"forwarding headers of a peer that is not trusted are replaced", false, []string{
			"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Uri: /admin",
			"X-Forwarded-User: root", "Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1", "CF-Connecting-IP: 1.1.1.1", "tRUE-cLIENT-iP: 1.1.1.1",
			"X-Original-URL: /admin", "X-Original-Uri: /admin", "X-Rewrite-Url: /admin", "X-Envoy-Original-Path: /admin", "X-Azure-ClientIP: 1.1.1.1",
			"X-ProxyUser-Ip: 1.1.1.1", "CF-Connecting-IPv6: ::1", "CloudFront-Viewer-Address: 1.1.1.1:1", "X-Appengine-User-Ip: 1.1.1.1",
		}, nil},
		{"those of a trusted proxy are kept and extended", true, []string{
			"X-Forwarded-For: 1.1.1.1, 2.2.2.2", "X-Forwarded-For: 3.3.3.3", "X-Forwarded-Host: app.example.com",
			"X-Forwarded-Proto: wss", "Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1", "X-Forwarded-Port: 443",
		}, http.Header{
			"X-Forwarded-For": {"1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.1"}, "X-Forwarded-Host": {"app.example.com"},
			"X-Forwarded-Proto": {"wss"}, "Forwarded": {"for=1.1.1.1"}, "X-Real-Ip": {"1.1.1.1"}, "X-Forwarded-Port": {"443"},
		}},
		{"a trusted proxy without forwarding headers", true, nil, nil},
		{"names with an underscore do not pass from a trusted proxy either", true, []string{"X_Forwarded_For: 1.1.1.1", "X-Forwarded_For: 1.1.1.1"}, nil},
		{"what a trusted proxy says in several lines, or in none of them", true, []string{
			"X-Forwarded-Proto: https", "X-Forwarded-Proto: http", "X-Forwarded-Host: ,", "X-Forwarded-For: ,1.1.1.1,,", "X-Forwarded-For:",
		}, http.Header{"X-Forwarded-For": {"1.1.1.1, 192.0.2.1"}, "X-Forwarded-Proto": {"https, http"}}},
	} {
		if got, want := outbound(t, tt.trusted, tt.lines...).Header, always(tt.want); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.rule, got, want)
		}
	}
}

func TestOutboundOfTLS(t *testing.T) {
	t.Parallel()
	rl, err := relay.New(relay.Options{Upstream: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	in := outbound(t, true)
	in.TLS, in.RemoteAddr = &tls.ConnectionState{}, "@" // as on a unix socket
	in.Header = http.Header{}
	got := rl.Outbound(in, false).Header
	if proto, peers := got.Get("X-Forwarded-Proto"), got["X-Forwarded-For"]; proto != "https" || peers != nil {
		t.Errorf("got %q from %q, want https and no address", proto, peers)
	}
}

// The request line is one that the strictest parser takes, and otherwise what the
// client has sent.
func TestOutboundQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "", "a=%41&b;c&&": "a=%41&b;c&&", `q="<[{}]>'|\^`: `q="<[{}]>'|\^`,
		"n=J\u00fcrgen": "n=J%C3%BCrgen", "b=\xff": "b=%FF", "a=1#ticket=x": "a=1%23ticket=x",
	} {
		r := outbound(t, false)
		r.URL.RawQuery = query
		rl, err := relay.New(relay.Options{Upstream: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := rl.Outbound(r, false).URL.RawQuery; got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}
