package ws_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/internal/traceparent"
	"wsticket/live"
	"wsticket/ticket"
	"wsticket/ws"
)

// who is an Identifier in place of package identity.
type who struct{}

func (who) Headers(g ticket.Grant) (http.Header, error) {
	return http.Header{"X-User": {g.Identity.Subject}, "X-Email": {""}, "X-Wsticket-Id": {string(g.ID)}}, nil
}

func (who) Names() []string { return []string{"X-User", "X-Email", "X-Wsticket-Id"} }

// upstream is an application that knows nothing of tickets: it notes the
// handshake and echoes.
type upstream struct {
	*httptest.Server
	seen chan *http.Request
}

func newUpstream(t *testing.T, protocols ...string) *upstream {
	t.Helper()
	u := &upstream{seen: make(chan *http.Request, 16)}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.seen <- r.Clone(t.Context())
		if r.URL.Path != "/ws" {
			http.Error(w, "not here", http.StatusForbidden)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: protocols})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for {
			kind, message, err := conn.Read(t.Context())
			if err != nil || string(message) == "vanish" || conn.Write(t.Context(), kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// relayed is a fixture whose application is u.
func relayed(t *testing.T, u *upstream, change func(*setup)) *fixture {
	t.Helper()
	return newFixture(t, func(s *setup) {
		s.ws.Endpoint, s.ws.Upstream = nil, &ws.Upstream{URL: u.URL, Identity: who{}}
		s.gate.Doors, s.gate.Sessions, s.gate.SessionCookie = gate.Doors(), fakeAuth{}, "sid"
		if change != nil {
			change(s)
		}
	})
}

// TestTraceOfTheApplication: the application is part of the trace, under our span if we
// record spans, and gets none that is malformed.
func TestTraceOfTheApplication(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, row := range []struct {
		rule   string
		sent   []string
		sample func() bool
		want   string // with * for a span of ours
		state  string
	}{
		{"nobody records", []string{"Traceparent: 00-" + trace + "-" + span + "-01", "Tracestate: a=1"}, nil, "00-" + trace + "-" + span + "-01", "a=1"},
		{"nobody records, and the trace is none", []string{"Traceparent: 00-x", "Tracestate: a=1"}, nil, "", ""},
		{"we do", []string{"Traceparent: 00-" + trace + "-" + span + "-00", "Tracestate: a=1"}, func() bool { return true }, "00-" + trace + "-*-01", "a=1"},
		{"we do not this time", []string{"Traceparent: 00-" + trace + "-" + span + "-01"}, func() bool { return false }, "00-" + trace + "-*-00", ""},
	} {
		app := newUpstream(t)
		f := relayed(t, app, func(s *setup) { s.gate.Sample = row.sample })
		f.send(t, strings.ReplaceAll(request(query, row.sent...), "$T", f.issue(nil).Token.Reveal())).echoes(t, "hello")
		seen := <-app.seen
		got := seen.Header.Get("Traceparent")
		if before, after, ours := strings.Cut(row.want, "*"); ours {
			if p, ok := traceparent.Parse(got); !ok || p.SpanID == span || !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) {
				t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
			}
		} else if got != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
		}
		if got := seen.Header.Get("Tracestate"); got != row.state {
			t.Errorf("%s: got the state %q, want %q", row.rule, got, row.state)
		}
	}
}

// echoes checks that the application is at the other end.
func (a answer) echoes(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(a.conn, frame(opText, text)); err != nil {
		t.Fatal(err)
	}
	if op, got := a.readFrame(t); op != opText || got != text {
		t.Errorf("got frame %d %q, want %q back", op, got, text)
	}
}

// At each door the application gets the handshake without any credential, and
// with the identity from wsticket.
func TestRelayThroughEachDoor(t *testing.T) {
	u := newUpstream(t, "app.v1")
	f := relayed(t, u, nil)
	forged := []string{
		"+X-User: mallory", "+X_User: mallory", "+x-email: m@example.com", "+X-Wsticket-Id: forged",
		"+X-Forwarded-For: 192.0.2.9", "+Accept-Language: en", "+X-Wsticket-Key: " + marker,
	}
	and := func(lines ...string) []string { return slices.Concat(forged, lines) }
	tests := []struct {
		rule, request string
		protocol      string // that is answered
		query, cookie string // that the application sees
	}{
		{"query", request("GET /ws?room=1&ticket=$T&x HTTP/1.1", forged...), "", "room=1&x", ""},
		{"subprotocol", request(plain, and("+Sec-WebSocket-Protocol: wsticket.v1, ticket.$T")...), "wsticket.v1", "", ""},
		{"subprotocol and that of the application", request(plain, and("+Sec-WebSocket-Protocol: ticket.$T, app.v1, wsticket.v1")...), "app.v1", "", ""},
		{"header", request(plain, and("+Authorization: Ticket $T")...), "", "", ""},
		{"bearer", request(plain, and("+Authorization: Bearer "+goodBearer)...), "", "", ""},
		{"cookie", request(plain, and("+Origin: "+appOrigin, "+Cookie: theme=dark; sid="+goodBearer)...), "", "", "theme=dark"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			token := f.issue(nil).Token.Reveal()
			got := f.send(t, strings.ReplaceAll(tt.request, "$T", token))
			if got.StatusCode != switching || got.Header.Get("Sec-WebSocket-Protocol") != tt.protocol {
				t.Fatalf("got %d, protocol %q: %s", got.StatusCode, got.Header.Get("Sec-WebSocket-Protocol"), got.body)
			}
			got.echoes(t, "hello")
			wantClean(t, <-u.seen, token, tt.query, tt.cookie)
		})
	}
	t.Run("first message", func(t *testing.T) {
		token := f.issue(nil).Token.Reveal()
		got := f.send(t, request("GET /ws?room=1 HTTP/1.1", and("+Sec-WebSocket-Protocol: wsticket.v1, app.v1", "+Sec-WebSocket-Extensions: permessage-deflate")...))
		if got.StatusCode != switching || got.Header.Get("Sec-WebSocket-Protocol") != "app.v1" {
			t.Fatalf("got %d, protocol %q", got.StatusCode, got.Header.Get("Sec-WebSocket-Protocol"))
		}
		// Bytes that arrive together with the auth frame belong to the
		// application.
		got.say(t, auth(token)+frame(opText, "glued"))
		got.authenticated(t)
		if _, text := got.readFrame(t); text != "glued" {
			t.Errorf("got %q, want what was glued to the auth frame", text)
		}
		got.echoes(t, "hello")
		seen := <-u.seen
		wantClean(t, seen, token, "room=1", "")
		if len(seen.Header["Sec-Websocket-Extensions"]) > 0 {
			t.Error("the application was offered extensions that the client was not granted")
		}
	})
}

// What a browser sends unasked beside a ticket is no second credential. The
// session cookie does not reach the application, and what is its own does.
func TestRelayAmbientCredentials(t *testing.T) {
	u := newUpstream(t, "app.v1")
	f := relayed(t, u, nil)
	f.send(t, strings.ReplaceAll(request("GET /ws?ticket=$T HTTP/1.1", "+Authorization: Basic eDp5", "+Cookie: theme=dark; sid="+marker+"; sid.1="+marker,
		"Connection: ,Upgrade, keep-alive,", "+Sec-WebSocket-Version:", "+Sec-WebSocket-Extensions: ,"), "$T", f.issue(nil).Token.Reveal())).echoes(t, "hello")
	seen := <-u.seen
	if got := seen.Header.Get("Cookie"); got != "theme=dark" || seen.Header.Get("Authorization") != "Basic eDp5" {
		t.Errorf("the application sees Cookie %q, Authorization %q, want its own alone", got, seen.Header["Authorization"])
	}
	if got := seen.Header["Sec-Websocket-Version"]; len(got) != 1 || got[0] != "13" {
		t.Errorf("the application sees versions %q, want 13 alone", got)
	}
	if got, there := seen.Header["Sec-Websocket-Extensions"]; there {
		t.Errorf("the application is offered extensions %q, want no such header: gobwas/ws refuses a list without an element", got)
	}
}

func wantClean(t *testing.T, r *http.Request, token, query, cookie string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-User": "alice", "X-Email": "", "X_user": "", "Authorization": "", "Cookie": cookie,
		"Accept-Language": "en", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("the application sees %s: %q, want %q", name, got, want)
		}
	}
	if _, set := r.Header["X-Email"]; !set {
		t.Error("the application sees no X-Email, want it empty: all that are configured are set")
	}
	if r.URL.RawQuery != query || r.Host != "api.example.com" {
		t.Errorf("the application sees query %q and host %q, want %q", r.URL.RawQuery, r.Host, query)
	}
	if id := r.Header.Values("X-Wsticket-Id"); len(id) != 1 || len(id[0]) != 22 {
		t.Errorf("the application sees X-Wsticket-Id %q", id)
	}
	for name, values := range r.Header {
		for _, secret := range []string{token, "wst1_", goodBearer, marker, "mallory"} {
			if strings.Contains(name+strings.Join(values, ""), secret) {
				t.Errorf("the application sees %s: %q", name, values)
			}
		}
	}
}

func TestRelayContinuesWhatATrustedProxySays(t *testing.T) {
	u := newUpstream(t)
	f := relayed(t, u, func(s *setup) { s.gate.TrustedProxies = loopback })
	f.send(t, strings.ReplaceAll(request(query, "+X-Forwarded-For: 192.0.2.9", "+X-Forwarded-Proto: https"), "$T", f.issue(nil).Token.Reveal()))
	seen := <-u.seen
	if got := seen.Header.Get("X-Forwarded-For"); got != "192.0.2.9, 127.0.0.1" {
		t.Errorf("X-Forwarded-For %q", got)
	}
	if got := seen.Header.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
}

// A refusal of the application is passed on unchanged; an application that
// cannot be reached is 502. In both cases the ticket is spent.
func TestRelayToAnApplicationThatRefuses(t *testing.T) {
	u := newUpstream(t)
	f := relayed(t, u, nil)
	refused := strings.ReplaceAll(request("GET /other?ticket=$T HTTP/1.1"), "$T", f.issue(nil).Token.Reveal())
	if got := f.send(t, refused); got.StatusCode != 403 || string(got.body) != "not here\n" {
		t.Errorf("got %d %q, want the application's own refusal", got.StatusCode, got.body)
	}
	f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest, Outcome: "refused", Reason: "upstream_refused"})
	if got := f.send(t, refused); got.StatusCode != 401 {
		t.Errorf("the same ticket again: %d, want 401", got.StatusCode)
	}
	u.Close()
	gone := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if gone.StatusCode != 502 || problemCode(gone.body) != "upstream_failed" {
		t.Errorf("without an application: %d %s, want 502 upstream_failed", gone.StatusCode, gone.body)
	}
	for reason, what := range map[string]string{"upstream_refused": "upstream_status=403 expected=[101]", "upstream_failed": "cause=connection refused"} {
		e := f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest, Reason: reason})
		if got, want := fmt.Sprint(e.Attrs), "[upstream="+u.URL+" "+what+"]"; got != want {
			t.Errorf("%s: got attributes %s, want %s", reason, got, want)
		}
	}
	late := f.send(t, request(plain))
	late.say(t, auth(f.issue(nil).Token.Reveal()))
	late.authenticated(t)
	if code, reason := late.readClose(t); code != 1014 || reason != ticket.EndUpstreamFailed.Reason {
		t.Errorf("by first message: closed with %d %q, want 1014", code, reason)
	}
	if open := f.live.Stats().Connections[ticket.DoorQuery][live.StateOpen]; open != 0 {
		t.Errorf("%d connections are open, want none", open)
	}
}

// Relayed connections are counted while they are there, closed with 1001 at
// the drain, and accounted for.
func TestRelayDrains(t *testing.T) {
	u := newUpstream(t)
	f := relayed(t, u, nil)
	const peers = 5
	var all []answer
	for range peers {
		got := f.connect(t)
		got.echoes(t, "hello")
		all = append(all, got)
	}
	if open := f.live.Stats().Connections[ticket.DoorQuery][live.StateOpen]; open != peers {
		t.Errorf("before: %d open connections, want %d", open, peers)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- f.handler.Shutdown(t.Context()) }()
	for _, peer := range all {
		if code, reason := peer.readClose(t); code != 1001 || reason != "server is draining" {
			t.Errorf("closed with %d %q, want 1001", code, reason)
		}
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the drain does not end")
	}
	if got := f.live.Stats().Drained; got != (live.Drained{Total: peers, Closed: peers}) {
		t.Errorf("drained %+v, want all %d closed and none cut", got, peers)
	}
	s := f.handler.Stats()
	if s.FromClient.Messages != peers || s.FromUpstream.Messages != peers {
		t.Errorf("relayed %+v and %+v, want %d messages each way", s.FromClient, s.FromUpstream, peers)
	}
	if e := f.disconnected(t, 1001); e.Closed.By != ticket.ByServer || !e.Closed.Relayed || e.Closed.FromClient.Messages != 1 {
		t.Errorf("closed %+v, want one message of a relayed connection, ended by us", e.Closed)
	}
}
