package gate_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// A refusal says for the log which value did not fit, and what would have.
func TestRefusalsExplainThemselves(t *testing.T) {
	j := newJudge(t, withSessions)
	page := "Origin: " + appOrigin
	for _, tt := range []struct{ rule, request, want string }{
		{"an origin", test.Handshake(query, "Origin: https://evil.example"), "[origin=https://evil.example expected=[" + appOrigin + "]]"},
		{"two of them", test.Handshake(query, page, "+Origin: null"), "[origin=" + appOrigin + ", null expected=[" + appOrigin + "]]"},
		{"no origin beside a cookie", test.Handshake(plain, "Cookie: sid=x"), "[origin=(none) expected=[" + appOrigin + "]]"},
		{"a host", test.Handshake(query, "Host: evil.example"), "[host=evil.example expected=[api.example.com]]"},
		{"HTTP/1.0", strings.Replace(test.Handshake(query), "HTTP/1.1", "HTTP/1.0", 1), "[proto=HTTP/1.0]"},
		{"no Connection", test.Handshake(query, "-Connection"), "[header=Connection fault=missing]"},
		{"another Connection", test.Handshake(query, "Connection: close"), "[header=Connection fault=not_websocket value=close expected=[upgrade]]"},
		{"another protocol", test.Handshake(query, "Upgrade: h2c"), "[header=Upgrade fault=not_websocket value=h2c expected=[websocket]]"},
		{"a body", test.Handshake(query, "Content-Length: 5"), "[header=Content-Length fault=body]"},
		{"no version", test.Handshake(query, "-Sec-WebSocket-Version"), "[header=Sec-WebSocket-Version fault=missing]"},
		{"another version", test.Handshake(query, "Sec-WebSocket-Version: 8"), "[header=Sec-WebSocket-Version fault=not_13 value=8 expected=[13]]"},
		{"no key", test.Handshake(query, "-Sec-WebSocket-Key"), "[header=Sec-WebSocket-Key fault=missing]"},
		{"two keys", test.Handshake(query, "+Sec-WebSocket-Key: x"), "[header=Sec-WebSocket-Key fault=repeated]"},
		{"a key that is none", test.Handshake(query, "Sec-WebSocket-Key: x"), "[header=Sec-WebSocket-Key fault=malformed]"},
		{"extensions", test.Handshake(query, "Sec-WebSocket-Extensions: ;"), "[header=Sec-WebSocket-Extensions fault=malformed]"},
		{"an offer twice", test.Handshake(query, "Sec-WebSocket-Protocol: a, A"), "[header=Sec-WebSocket-Protocol fault=repeated]"},
		{"an offer that nobody serves", test.Handshake(query, "Sec-WebSocket-Protocol: "+marker), "[header=Sec-WebSocket-Protocol fault=none_in_common]"},
		{"a bearer in the URL", test.Handshake("GET /ws?a=1&access_token=x HTTP/1.1"), "[parameter=access_token]"},
		{"a JWT in the URL", test.Handshake("GET /ws?a=1&jw%74=" + jwt + " HTTP/1.1"), "[parameter=jwt]"},
		{"a JWT in the place of a name", test.Handshake("GET /ws?%65yJ" + jwt[3:] + " HTTP/1.1"), "[parameter=[redacted]]"},
		{"a JWT with white space before its brace there", test.Handshake("GET /ws?IHsiYWxnIjoibm9uZSJ9%2Ee30. HTTP/1.1"), "[parameter=[redacted]]"},
		{"a ticket twice", test.Handshake("GET /ws?ticket=$T&ticket=$T HTTP/1.1"), "[parameter=ticket fault=not_once_and_literal]"},
		{"an escape that is none", test.Handshake("GET /ws?ticket=$T&sale=100% HTTP/1.1"), "[parameter=sale fault=malformed_escape]"},
		{"two credentials", test.Handshake(query, "Authorization: Bearer "+goodBearer), "[doors=[query header]]"},
		{"a malformed one", test.Handshake(plain, "Authorization: Bearer"), "[header=Authorization fault=malformed]"},
	} {
		c, _, err := j.judge(t, tt.request)
		if got := fmt.Sprint(ticket.AttrsOf(err)); got != tt.want {
			t.Errorf("%s: %v with %s, want %s", tt.rule, err, got, tt.want)
		}
		if e := j.events.Last(1)[0]; fmt.Sprint(e.Attrs) != tt.want {
			t.Errorf("%s: event with %s at door %s, want the same", tt.rule, e.Attrs, c.Presentation.Door)
		}
	}
	j = newJudge(t, func(o *gate.Options) { o.Doors = []ticket.Door{ticket.DoorQuery} })
	c, _, err := j.judge(t, test.Handshake(plain, "Authorization: Bearer "+goodBearer))
	if got := fmt.Sprint(ticket.AttrsOf(err)); got != "[expected=[query] credential=bearer]" || c.Presentation.Door != ticket.DoorHeader {
		t.Errorf("a closed door: %s at %s", got, c.Presentation.Door)
	}
}

// The first message has to be asked for: a page that forgets its ticket would
// wait for nothing, and strangers would get places.
func TestDefaultDoors(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.Doors = nil })
	j.check(t, row{"", test.Handshake(plain), 401, absent, false})
	j.check(t, row{"", test.Handshake(query), switching, "", true})
	j.check(t, row{"", test.Handshake(plain, "Origin: "+appOrigin, "Cookie: sid="+goodBearer), 401, absent, false})
	j = newJudge(t, func(o *gate.Options) {
		withSessions(o)
		o.Doors = nil
	})
	j.check(t, row{"", test.Handshake(plain, "Origin: "+appOrigin, "Cookie: sid="+goodBearer), switching, "", false})
	j.check(t, row{"", test.Handshake(plain), 401, absent, false})
}

// What a proxy reports and nobody can read is told once, counted, and not one
// client that all the others are, too.
func TestUnreadableAddress(t *testing.T) {
	var log bytes.Buffer
	j := newJudge(t, func(o *gate.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	r := read(t, test.Handshake(query, "X-Forwarded-For: 203.0.113.9, unknown"))
	for range 2 {
		if got := j.Received(r).ClientIP; got != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("got %s, want the proxy", got)
		}
	}
	if got := j.ForwardedClient(r); got != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("asked by a proxy: got %s, want the proxy", got)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "proxy=192.0.2.1") {
		t.Errorf("%d warnings, want one that names the proxy:\n%s", n, log.String())
	}
	if got := j.Stats().UnreadableAddresses; got != 3 {
		t.Errorf("counted %d, want 3", got)
	}
}
