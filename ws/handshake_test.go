package ws_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/limit"
	"wsticket/ws"
)

const (
	switching = http.StatusSwitchingProtocols
	invalid   = "invalid_request"
	upgrade   = "upgrade_required"
)

func TestHandshake(t *testing.T) {
	f := newFixture(t, nil)
	for _, tt := range handshakeRows() {
		t.Run(tt.rule, func(t *testing.T) { f.check(t, tt) })
	}
}

// The same rows by each other way, from an allowed page.
func TestHandshakeAtEachDoor(t *testing.T) {
	for _, w := range ways() {
		f := wayFixture(t)
		w.header = strings.TrimPrefix(w.header+"\r\nOrigin: "+appOrigin, "\r\n")
		for _, tt := range handshakeRows() {
			if strings.Contains(tt.request, "\r\nOrigin:") {
				continue // two would be a refusal of their own
			}
			t.Run(string(w.door)+" "+tt.rule, func(t *testing.T) { f.checkBy(t, w, tt) })
		}
	}
}

func handshakeRows() []row {
	long := strings.Repeat("x", 1000)
	return []row{
		{"the handshake of RFC 6455 1.3", request(query), switching, "", true},
		{"H1 POST", request("POST /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"H1 PUT", request("PUT /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"H1 an unknown method", request(marker + " /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"R20 OPTIONS, a preflight", request("OPTIONS /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"R20 HEAD, a link scanner; it has no body", request("HEAD /ws?ticket=$T HTTP/1.1"), 405, "", false},
		{"R20 a plain GET", query + "\r\nHost: api.example.com\r\n\r\n", 426, upgrade, false},
		{"R20 a prefetch", query + "\r\nHost: api.example.com\r\nSec-Purpose: prefetch\r\n\r\n", 426, upgrade, false},
		{"H2 HTTP/1.0 has no upgrade", request("GET /ws?ticket=$T HTTP/1.0"), 426, upgrade, false},
		{"H3 extended CONNECT as HTTP/1.1", request("CONNECT /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"H4 no Connection", request(query, "-Connection"), 426, upgrade, false},
		{"H4 no Upgrade", request(query, "-Upgrade"), 426, upgrade, false},
		{"H4 Connection without the option", request(query, "Connection: keep-alive"), 426, upgrade, false},
		{"H4 another protocol", request(query, "Upgrade: h2c"), 426, upgrade, false},
		{"H4 a choice of protocols", request(query, "Upgrade: websocket, h2c"), 426, upgrade, false},
		{"H4 a choice over two lines", request(query, "+Upgrade: h2c"), 426, upgrade, false},
		{"H4 a version of the protocol", request(query, "Upgrade: websocket/13"), 426, upgrade, false},
		{"H5 a list of options (Firefox)", request(query, "Connection: keep-alive, Upgrade"), switching, "", true},
		{"H5 a list over two lines", request(query, "+Connection: keep-alive"), switching, "", true},
		{"H5 options and protocols have no case", request(query, "Connection: UPGRADE", "Upgrade: WebSocket"), switching, "", true},
		{"H6 version 8", request(query, "Sec-WebSocket-Version: 8"), 426, upgrade, false},
		{"H6 version 0", request(query, "Sec-WebSocket-Version: 0"), 426, upgrade, false},
		{"H6 no version", request(query, "-Sec-WebSocket-Version"), 426, upgrade, false},
		{"H6 a list of versions", request(query, "Sec-WebSocket-Version: 13, 8"), 426, upgrade, false},
		{"H6 two versions (the library would take the first)", request(query, "+Sec-WebSocket-Version: 8"), 426, upgrade, false},
		{"H7 no key", request(query, "-Sec-WebSocket-Key"), 400, invalid, false},
		{"H7 two keys", request(query, "+Sec-WebSocket-Key: "+key), 400, invalid, false},
		{"H7 15 bytes", request(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, invalid, false},
		{"H7 17 bytes", request(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTA="), 400, invalid, false},
		{"H7 another spelling of 16 bytes", request(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400, invalid, false},
		{"H7 not base64", request(query, "Sec-WebSocket-Key: "+marker+"!!!!!!!!!!!!!"), 400, invalid, false},
		{"H7 an empty key", request(query, "Sec-WebSocket-Key:"), 400, invalid, false},
		{"H8 no Host: net/http refuses", request(query, "-Host"), 400, "", false},
		{"H8 two Hosts: net/http refuses", request(query, "+Host: api.example.com"), 400, "", false},
		{"H8 a foreign Host", request(query, "Host: "+marker+".example"), 421, "host_not_allowed", false},
		{"H8 the Host with a port", request(query, "Host: api.example.com:8443"), switching, "", true},
		{"H9 absolute form with a foreign host", request("GET http://evil.example/ws?ticket=$T HTTP/1.1"), 421, "host_not_allowed", false},
		{
			"H9 absolute form with our host; it goes before Host (RFC 9112 3.2.2)",
			request("GET http://api.example.com/ws?ticket=$T HTTP/1.1", "Host: evil.example"), switching, "", true,
		},
		{"H9 user information (RFC 9110 4.2.4)", request("GET http://x@api.example.com/ws?ticket=$T HTTP/1.1"), 400, invalid, false},
		{"H11 a hundred headers of 1 kB", request(query, strings.Split(strings.Repeat("+X-A: "+long+"\n", 100), "\n")[:100]...), 431, "", false},
		{"H11 a header of 64 kB", request(query, "X-A: "+strings.Repeat("x", 64<<10)), 431, "", false},
		{"H12 a folded header is read as one with a blank (RFC 9112 5.2)", request(query, "Upgrade: web\r\n socket"), 426, upgrade, false},
		{"H12 lone line feeds end lines (RFC 9112 2.2)", strings.ReplaceAll(request(query), "\r\n", "\n"), switching, "", true},
		{"H12 NUL in a header: net/http refuses", request(query, "X-A: "+marker+"\x00"), 400, "", false},
		{"H13 chunks and a length", request(query, "+Transfer-Encoding: chunked", "+Content-Length: 5") + "0\r\n\r\n", 400, invalid, false},
		{"H13 chunks", request(query, "+Transfer-Encoding: chunked") + "0\r\n\r\n", 400, invalid, false},
		{"H15 a body, which would be read as frames", request(query, "Content-Length: 5") + "hello", 400, invalid, false},
		{"H15 an empty body is none", request(query, "Content-Length: 0"), switching, "", true},
		{"H16 a body on demand", request(query, "Expect: 100-continue"), 400, invalid, false},
		{"H16 a body on demand, announced", request(query, "Expect: 100-continue", "Content-Length: 5"), 400, invalid, false},
		{
			"H17 Hixie-76", request(query, "-Sec-WebSocket-Version", "-Sec-WebSocket-Key",
				"+Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5", "+Sec-WebSocket-Key2: 12998 5 Y3 1  .P00"), 426, upgrade, false,
		},
		{"H18 malformed extensions (RFC 6455 9.1)", request(query, "Sec-WebSocket-Extensions: "+marker+"; ;=,"), 400, invalid, false},
		{"H18 extensions of 10 kB", request(query, "Sec-WebSocket-Extensions: x"+strings.Repeat("; y", 3300)), 400, invalid, false},
		{"no Upgrade comes before a wrong Host", request(query, "-Upgrade", "Host: evil.example"), 426, upgrade, false},
		{"a wrong Host comes before a wrong Origin", request(query, "Host: evil.example", "Origin: https://evil.example"), 421, "host_not_allowed", false},
		{"a wrong Origin comes before a missing credential", request(plain, "Origin: https://evil.example"), 403, "origin_not_allowed", false},
	}
}

func TestRefusedHandshakeSaysHow(t *testing.T) {
	f := newFixture(t, nil)
	tests := []struct {
		rule, request string
		want          http.Header
	}{
		{"405 names the method (RFC 9110 15.5.6)", request("POST /ws HTTP/1.1"), http.Header{"Allow": {"GET"}}},
		{
			"426 names the protocol (RFC 9110 15.5.22)", plain + "\r\nHost: api.example.com\r\n\r\n",
			http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}},
		},
		{
			"a wrong version gets the right one (RFC 6455 4.4)", request(plain, "Sec-WebSocket-Version: 8"),
			http.Header{"Sec-Websocket-Version": {"13"}, "Upgrade": {"websocket"}},
		},
		{
			"nothing of it is kept", request(plain, "Host: evil.example"),
			http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"application/problem+json"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := f.send(t, tt.request)
			for name, want := range tt.want {
				if fmt.Sprint(got.Header[name]) != fmt.Sprint(want) {
					t.Errorf("%s: %q, want %q", name, got.Header[name], want)
				}
			}
		})
	}
}

// H19: an offer of compression is legal, and is not taken up.
func TestNoExtensionIsGranted(t *testing.T) {
	f := newFixture(t, nil)
	for _, offered := range []string{"permessage-deflate; client_max_window_bits", "permessage-deflate", "x-webkit-deflate-frame"} {
		got := f.check(t, row{"", request(query, "Sec-WebSocket-Extensions: "+offered), switching, "", true})
		if granted := got.Header.Get("Sec-WebSocket-Extensions"); granted != "" {
			t.Errorf("offer %q was granted %q, want nothing", offered, granted)
		}
	}
}

// H3: HTTP/2 gets a clear answer, without the header that it must not have.
func TestHTTP2IsRefused(t *testing.T) {
	f := newFixture(t, nil)
	handler := mustNew(t, ws.Options{Redeemer: f, Endpoint: ws.Echo, AllowMissingOrigin: true})
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/ws?ticket="+f.issue(nil).Token.Reveal(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ProtoMajor != 2 || response.TLS.Version < tls.VersionTLS12 {
		t.Fatalf("the test spoke %s, want HTTP/2", response.Proto)
	}
	if response.StatusCode != 426 || response.Header.Get("Upgrade") != "" || f.redeemed.Load() != 0 {
		t.Errorf("answer %d with Upgrade %q after %d redemptions, want a bare 426 after none",
			response.StatusCode, response.Header.Get("Upgrade"), f.redeemed.Load())
	}
}

// H14: what follows a handshake is frames, never another request.
func TestPipelinedRequestIsNoRequest(t *testing.T) {
	f := newFixture(t, nil)
	text := strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal())
	second := strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal())
	got := f.send(t, text+second)
	if code, _ := got.readClose(t); code != 1002 {
		t.Errorf("close code %d, want 1002", code)
	}
	if f.redeemed.Load() != 1 {
		t.Errorf("%d tickets were redeemed, want 1", f.redeemed.Load())
	}
}

func TestAddressLimit(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) {
		o.AddressLimit = limit.New(limit.Rate{Events: 1, Per: 90e9}, 10, nil)
	})
	token := f.issue(nil).Token.Reveal()
	if got := f.send(t, request(plain)); got.StatusCode != 401 {
		t.Fatalf("the first handshake: status %d, want 401 for want of a credential", got.StatusCode)
	}
	got := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	if got.StatusCode != 429 || problemCode(got.body) != "rate_limited" || got.Header.Get("Retry-After") != "90" {
		t.Errorf("the second: %d %q, Retry-After %q, want 429 and 90", got.StatusCode, got.body, got.Header.Get("Retry-After"))
	}
	if f.redeemed.Load() != 0 {
		t.Error("the ticket was spent")
	}
	f.logs.waitFor(t, `"Reason":"rate_limited"`, `"Outcome":"refused"`)
	if got := f.send(t, request(plain, "Origin: https://evil.example")); got.StatusCode != 403 {
		t.Errorf("a wrong origin comes before the limit: status %d, want 403", got.StatusCode)
	}
}
