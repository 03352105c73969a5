package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// line is what a test reads of a line of the log.
type line struct {
	Msg, Reason, Header, Origin string
	RequestID                   string `json:"request_id"`
	ClientIP                    string `json:"client_ip"`
}

// lines reads the log so far.
func (p *process) lines(t testing.TB) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(p.stderr.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

// handshake sends a handshake as it is written, which no client library does, and
// returns the status and the line of the log.
func (p *process) handshake(t testing.TB, target string, header http.Header) (status int, logged line) {
	t.Helper()
	all := http.Header{
		"Host": {p.public}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Key": {test.HandshakeKey},
	}
	maps.Copy(all, header)
	var text strings.Builder
	text.WriteString("GET " + target + " HTTP/1.1\r\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[name] {
			text.WriteString(name + ": " + value + "\r\n")
		}
	}
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", p.public)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(text.String() + "\r\n")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	test.Wait(t, "the line of the request", func() bool {
		for _, l := range p.lines(t) {
			if l.Msg == "request" && l.RequestID == res.Header.Get("X-Request-Id") {
				logged = l
				return true
			}
		}
		return false
	})
	return res.StatusCode, logged
}

// wantHandshake checks that a handshake is accepted where want is "ok", and that
// its line has the reason want otherwise.
func wantHandshake(t *testing.T, source, want string, status int, logged line) {
	t.Helper()
	if accepted := status == http.StatusSwitchingProtocols; accepted != (want == "ok") || logged.Reason != want {
		t.Errorf("%s: status %d, reason %q, want %q", source, status, logged.Reason, want)
	}
}

// TestFieldQueries: what stands beside a ticket in the query.
func TestFieldQueries(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	for _, c := range fieldCases[string](t, "queries.json") {
		status, logged := p.handshake(t, "/ws?"+c.Input+"&ticket="+issue(t, p.public, idp.bearer(t, "alice")).Ticket, nil)
		wantHandshake(t, c.Source, c.Want, status, logged)
		// The same rule holds where tickets are issued, for all that is no ticket.
		if c.Want == "query" {
			continue
		}
		a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket?"+c.Input, idp.bearer(t, "alice"), "")
		if (a.status == http.StatusCreated) != (c.Want == "ok") {
			t.Errorf("%s: POST /ws-ticket: %d %s, want %s", c.Source, a.status, a.body, c.Want)
		}
	}
}

// TestFieldOrigins: pages of these get a ticket, and connect from there with it.
func TestFieldOrigins(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "origins="+strings.Join([]string{
		"https://app.example.com", "http://localhost:5173", "https://localhost", "https://tauri.localhost:443", "capacitor://localhost",
		"ionic://localhost", "tauri://localhost", "app://.", "app://-", "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"moz-extension://0a1b2c3d-aaaa-bbbb-cccc-ddddeeeeffff", "safari-web-extension://0A1B2C3D-AAAA-BBBB-CCCC-DDDDEEEEFFFF",
	}, ","))
	bearer := idp.bearer(t, "alice")
	for _, c := range fieldCases[string](t, "origins.json") {
		a := exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "Authorization", "Bearer "+bearer, "Origin", c.Input)
		var got issued
		allowed := strings.TrimSuffix(c.Input, ":443")
		if c.Want != "ok" {
			allowed, got = "", issue(t, p.public, bearer)
		} else if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Errorf("%s: POST /ws-ticket: %d %s", c.Source, a.status, a.body)
		}
		if (a.status == http.StatusCreated) != (c.Want == "ok") || a.header.Get("Access-Control-Allow-Origin") != allowed {
			t.Errorf("%s: POST /ws-ticket: %d for %q, want %s", c.Source, a.status, a.header.Get("Access-Control-Allow-Origin"), c.Want)
		}
		status, logged := p.handshake(t, "/ws?ticket="+got.Ticket, http.Header{"Origin": {c.Input}})
		wantHandshake(t, c.Source, c.Want, status, logged)
		if c.Want != "ok" && logged.Origin != c.Input {
			t.Errorf("%s: the log names the origin %q, want %q", c.Source, logged.Origin, c.Input)
		}
	}
}

// TestFieldHeaders: a handshake with a ticket, and these headers.
func TestFieldHeaders(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "ws.doors=query, subprotocol, header, first_message")
	bearer := idp.bearer(t, "alice")
	for _, c := range fieldCases[http.Header](t, "headers.json") {
		got := issue(t, p.public, bearer)
		status, logged := p.handshake(t, "/ws?ticket="+got.Ticket, c.Input)
		want, header, _ := strings.Cut(c.Want, " ")
		wantHandshake(t, c.Source, want, status, logged)
		if logged.Header != header {
			t.Errorf("%s: the log names the header %q, want %q", c.Source, logged.Header, header)
		}
		if want == "ok" {
			continue
		}
		if status, _ := p.handshake(t, "/ws?ticket="+got.Ticket, nil); status != http.StatusSwitchingProtocols {
			t.Errorf("%s: then %d, want a ticket that is not spent", c.Source, status)
		}
	}
}

// TestFieldAddresses: what balancers write into X-Forwarded-For.
func TestFieldAddresses(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "public.trusted_proxies=127.0.0.1, 10.0.0.0/8")
	unreadable := 0
	for _, c := range fieldCases[[]string](t, "addresses.json") {
		_, logged := p.handshake(t, "/ws", http.Header{"X-Forwarded-For": c.Input})
		want, _, counted := strings.Cut(c.Want, " unreadable")
		if logged.ClientIP != want {
			t.Errorf("%s: client_ip %q, want %q", c.Source, logged.ClientIP, want)
		}
		if counted {
			unreadable++
		}
	}
	p.hasMetrics(t, fmt.Sprint("wsticket_unreadable_addresses_total ", unreadable))
	if n := strings.Count(p.stderr.String(), `"level":"WARN","msg":"a proxy reports a client by something that is no address`); n != 1 {
		t.Errorf("%d warnings about addresses, want one:\n%s", n, p.stderr)
	}
}

// TestFieldCookies: a session cookie with a JWT, as servers and browsers make it.
// $J is the JWT, $1 and $2 its halves, and $M that of somebody else.
func TestFieldCookies(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "session.cookie=session", "--set", "session.jwt=true")
	jwt := idp.bearer(t, "alice")
	fill := strings.NewReplacer("$J", jwt, "$1", jwt[:300], "$2", jwt[300:], "$M", idp.bearer(t, "mallory"))
	for _, c := range fieldCases[string](t, "cookies.json") {
		cookies := fill.Replace(c.Input)
		want := c.Want
		if want == "alice" {
			want = "ok"
		}
		status, logged := p.handshake(t, "/ws", http.Header{"Origin": {pageOrigin}, "Cookie": {cookies}})
		wantHandshake(t, c.Source, want, status, logged)
		a := askAsPage(t, http.MethodPost, "http://"+p.public+"/ws-ticket", cookies)
		if (a.status == http.StatusCreated) != (want == "ok") || want != "ok" && a.status != http.StatusUnauthorized {
			t.Errorf("%s: POST /ws-ticket: %d %s, want %s", c.Source, a.status, a.body, c.Want)
		}
		// Beside a ticket the cookie does not count, whatever it is.
		status, logged = p.handshake(t, "/ws?ticket="+issue(t, p.public, jwt).Ticket, http.Header{"Cookie": {cookies}})
		wantHandshake(t, c.Source+", beside a ticket", "ok", status, logged)
	}
}

// TestDefaultPorts: a name means the same with and without its default port.
func TestDefaultPorts(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	for _, c := range []struct{ set, host, want string }{
		{"public.url=https://api.example.com:443", "api.example.com", "ok"},
		{"public.url=https://api.example.com:443", "api.example.com:443", "ok"},
		{"public.url=https://api.example.com", "api.example.com:443", "ok"},
		{"public.url=http://api.example.com:80", "api.example.com", "ok"},
		{"public.hosts=api.example.com:443", "API.example.com", "ok"},
		{"public.hosts=api.example.com:8443", "api.example.com", "host_not_allowed"},
		{"public.hosts=api.example.com:443", "api.example.com:8443", "host_not_allowed"},
		{"public.hosts=api.example.com:443", "evil.example", "host_not_allowed"},
	} {
		set := []string{"serve", "--config", idp.config(t, "memory:"), "--set", "public.hosts=", "--set", c.set}
		p := start(t, set...)
		a := askHost(t, p.public, c.host, idp.bearer(t, "alice"))
		var got issued
		_ = json.Unmarshal([]byte(a.body), &got)
		if (a.status == http.StatusCreated) != (c.want == "ok") {
			t.Errorf("%s, Host %s: POST /ws-ticket: %d %s", c.set, c.host, a.status, a.body)
		}
		status, logged := p.handshake(t, "/ws?ticket="+url.QueryEscape(got.Ticket), http.Header{"Host": {c.host}})
		wantHandshake(t, c.set+", Host "+c.host, c.want, status, logged)
		_ = p.stop(t)
	}
}

// askHost asks for a ticket under a Host.
func askHost(t *testing.T, addr, host, bearer string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/ws-ticket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+bearer)
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
}
