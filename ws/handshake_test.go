package ws_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/ticket"
)

const (
	switching = http.StatusSwitchingProtocols
	invalid   = "invalid_request"
	upgrade   = "upgrade_required"
)

// Rows that depend on net/http, and the order of the checks. The other rows are
// in package gate.
func TestHandshake(t *testing.T) {
	f := newFixture(t, nil)
	long := strings.Repeat("x", 1000)
	for _, tt := range []row{
		{"the handshake of RFC 6455 1.3", request(query), switching, "", true},
		{"H1 an unknown method", request(marker + " /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"R20 HEAD, a link scanner; it has no body", request("HEAD /ws?ticket=$T HTTP/1.1"), 405, "", false},
		{"H2 HTTP/1.0 has no upgrade", request("GET /ws?ticket=$T HTTP/1.0"), 426, upgrade, false},
		{"H3 extended CONNECT as HTTP/1.1", request("CONNECT /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"H8 no Host: net/http refuses", request(query, "-Host"), 400, "", false},
		{"H8 two Hosts: net/http refuses", request(query, "+Host: api.example.com"), 400, "", false},
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
		{"H16 a body on demand", request(query, "Expect: 100-continue"), 400, invalid, false},
		{"no Upgrade comes before a wrong Host", request(query, "-Upgrade", "Host: evil.example"), 426, upgrade, false},
		{"a wrong Host comes before a wrong Origin", request(query, "Host: evil.example", "Origin: https://evil.example"), 421, "host_not_allowed", false},
		{"a wrong Origin comes before a missing credential", request(plain, "Origin: https://evil.example"), 403, "origin_not_allowed", false},
	} {
		t.Run(tt.rule, func(t *testing.T) { f.check(t, tt) })
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
	server := httptest.NewUnstartedServer(f.handler)
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

// A 401 without a credential names those that are accepted, without an error
// code (RFC 6750 3.1).
func TestChallenges(t *testing.T) {
	const ticketOnly, both = `Ticket realm="wsticket"`, `Ticket realm="wsticket"|Bearer realm="wsticket"`
	tests := []struct {
		rule   string
		change func(*setup)
		edit   string
		want   string
	}{
		{"tickets and bearers", nil, "-X", both},
		{"no authenticator", func(s *setup) { s.gate.Authenticator = nil }, "-X", ticketOnly},
		{"no header door", func(s *setup) { s.gate.Doors = []ticket.Door{ticket.DoorQuery} }, "-X", ticketOnly},
		{
			"a bearer where none is taken",
			func(s *setup) { s.gate.Authenticator = nil },
			"Authorization: Bearer " + goodBearer, ticketOnly,
		},
		{"a wrong bearer", nil, "Authorization: Bearer x", `Bearer realm="wsticket", error="invalid_token"`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFixture(t, tt.change)
			got := f.send(t, request(plain, tt.edit))
			if challenge := strings.Join(got.Header["Www-Authenticate"], "|"); got.StatusCode != 401 || challenge != tt.want {
				t.Errorf("status %d with %q, want 401 with %q", got.StatusCode, challenge, tt.want)
			}
		})
	}
}
