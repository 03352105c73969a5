package ws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
	"wsticket/ws"
)

// The O rows: from where a handshake comes. What is no match of the list at
// all is tested in internal/origin; here, that it burns nothing.
func TestOrigin(t *testing.T) {
	f := newFixture(t, nil)
	for _, tt := range originRows() {
		t.Run(tt.rule, func(t *testing.T) { f.check(t, tt) })
	}
}

// The same rows by each other way. The cookie's one is that no origin is a
// refusal (O1), whatever AllowMissingOrigin says.
func TestOriginAtEachDoor(t *testing.T) {
	for _, w := range ways() {
		f := wayFixture(t)
		for _, tt := range originRows() {
			if w.door == ws.DoorCookie && !strings.Contains(tt.request, "\r\nOrigin:") && tt.status == switching {
				tt.rule, tt.status, tt.code = "O1 none, with a session", 403, denied
			}
			t.Run(string(w.door)+" "+tt.rule, func(t *testing.T) { f.checkBy(t, w, tt) })
		}
	}
}

const denied = "origin_not_allowed"

func originRows() []row {
	return []row{
		{"the allowed origin", request(query, "Origin: "+appOrigin), switching, "", true},
		{"none, from a program, where that is allowed", request(query), switching, "", true},
		{"O2 an opaque origin", request(query, "Origin: null"), 403, denied, false},
		{"O3 another scheme", request(query, "Origin: http://app.example.com"), 403, denied, false},
		{"O4 another port", request(query, "Origin: "+appOrigin+":8443"), 403, denied, false},
		{"O5 the default port", request(query, "Origin: "+appOrigin+":443"), switching, "", true},
		{"O6 upper case, which no browser sends", request(query, "Origin: https://APP.example.com"), 403, denied, false},
		{"O7 a trailing dot", request(query, "Origin: "+appOrigin+"."), 403, denied, false},
		{"O8 a subdomain", request(query, "Origin: https://evil.app.example.com"), 403, denied, false},
		{"O9 a longer name", request(query, "Origin: "+appOrigin+".evil.io"), 403, denied, false},
		{"O10 a longer label", request(query, "Origin: https://evilapp.example.com"), 403, denied, false},
		{"O11 user information", request(query, "Origin: https://x@app.example.com"), 403, denied, false},
		{"O12 our name as user information", request(query, "Origin: "+appOrigin+"@"+marker+".com"), 403, denied, false},
		{"O13 a path", request(query, "Origin: "+appOrigin+"/"), 403, denied, false},
		{"O14 a script", request(query, "Origin: javascript://app.example.com"), 403, denied, false},
		{"O15 no scheme", request(query, "Origin: //app.example.com"), 403, denied, false},
		{"O15 a host", request(query, "Origin: app.example.com"), 403, denied, false},
		{"O15 our own Host is no origin", request(query, "Origin: https://api.example.com"), 403, denied, false},
		{"O16 two, the good one first", request(query, "Origin: "+appOrigin, "+Origin: https://evil.example"), 403, denied, false},
		{"O16 two, the good one last", request(query, "Origin: https://evil.example", "+Origin: "+appOrigin), 403, denied, false},
		{"O16 the good one twice", request(query, "Origin: "+appOrigin, "+Origin: "+appOrigin), 403, denied, false},
		{"O17 a list", request(query, "Origin: "+appOrigin+", https://evil.example"), 403, denied, false},
		{"O18 an escape", request(query, "Origin: "+appOrigin+"%00"), 403, denied, false},
		{"O18 a file", request(query, "Origin: file://"), 403, denied, false},
		{"O18 10 kB", request(query, "Origin: https://"+strings.Repeat("a", 10<<10)), 403, denied, false},
		{"an empty header is not a missing one", request(query, "Origin:"), 403, denied, false},
		{"O19 what proxies say does not count", request(query, "Host: evil.example", "X-Forwarded-Host: api.example.com"), 421, "host_not_allowed", false},
		{
			"O20 an allowed origin may be of another site",
			request(query, "Origin: "+appOrigin, "Sec-Fetch-Site: cross-site"), switching, "", true,
		},
	}
}

func TestMissingOriginIsRefusedByDefault(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.AllowMissingOrigin = false })
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	if got.StatusCode != 403 || f.redeemed.Load() != 0 {
		t.Errorf("status %d after %d redemptions, want 403 after none", got.StatusCode, f.redeemed.Load())
	}
	got = f.send(t, strings.ReplaceAll(request(query, "Origin: "+appOrigin+":443"), "$T", token))
	if got.StatusCode != switching {
		t.Errorf("the allowed origin: status %d, want 101", got.StatusCode)
	}
	if seen := f.lastSeen.Load().Origin; seen != appOrigin {
		t.Errorf("presented origin %q, want the canonical %q", seen, appOrigin)
	}
}

// What of a handshake the redeemer is told.
func TestPresentation(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.Audience = "chat" })
	present := func(k string) ticket.Presentation {
		token := f.issue(nil).Token.Reveal()
		got := f.send(t, strings.ReplaceAll(request(query, "Sec-WebSocket-Key: "+k), "$T", token))
		if got.StatusCode != switching {
			t.Fatalf("status %d, want 101", got.StatusCode)
		}
		return *f.lastSeen.Load()
	}
	first, same, other := present(key), present(key), present("AAAAAAAAAAAAAAAAAAAAAA==")
	if first.Transport != "query" || first.Audience != "chat" || !first.ClientIP.IsLoopback() {
		t.Errorf("presentation %+v, want the query door, audience chat and a loopback address", first)
	}
	if len(first.Attempt) != 22 || first.Attempt != same.Attempt || first.Attempt == other.Attempt {
		t.Errorf("attempts %q, %q, %q, want 22 characters, the same for the same key only",
			first.Attempt, same.Attempt, other.Attempt)
	}
	if strings.Contains(first.Attempt, key[:8]) {
		t.Error("the attempt shows the key")
	}
}

// Whatever is wrong with a ticket, whoever presents it sees one and the same
// answer, byte for byte.
func TestWrongTicketsLookTheSame(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.Audience = "chat" })
	wrong := map[string]string{
		"malformed":      "wst1_" + marker,
		"not_found":      newFixture(t, nil).issue(nil).Token.Reveal(),
		"wrong_audience": f.issue(func(r *ticket.Request) { r.Audience = "admin" }).Token.Reveal(),
		"wrong_origin":   f.issue(func(r *ticket.Request) { r.Origin = appOrigin }).Token.Reveal(),
	}
	spent := f.issue(nil).Token
	if _, err := f.service.Redeem(t.Context(), spent, ticket.Presentation{Audience: "chat"}); err != nil {
		t.Fatal(err)
	}
	wrong["spent"] = spent.Reveal()
	revoked := f.issue(nil)
	if err := f.service.Revoke(t.Context(), revoked.ID, alice()); err != nil {
		t.Fatal(err)
	}
	wrong["revoked"] = revoked.Token.Reveal()
	present := func(token string) answer {
		return f.send(t, strings.ReplaceAll(request(query, "X-Request-Id: one"), "$T", token))
	}
	const body = `{"type":"about:blank","title":"The ticket was not accepted","status":401,"code":"invalid_ticket","request_id":"one"}`
	check := func(reason string, got answer) {
		t.Helper()
		got.Header.Del("Date")
		want := http.Header{
			"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "Content-Length": {"116"},
			"X-Request-Id": {"one"}, "Www-Authenticate": {`Ticket realm="wsticket", error="invalid_ticket"`},
		}
		if got.StatusCode != 401 || string(got.body) != body || !sameHeader(got.Header, want) {
			t.Errorf("%s: %d %v\n%s\nwant 401 %v\n%s", reason, got.StatusCode, got.Header, got.body, want, body)
		}
		f.logs.waitFor(t, `"Reason":"`+reason+`"`, `"Outcome":"refused"`)
	}
	for reason, token := range wrong {
		check(reason, present(token))
	}
	late := f.issue(nil).Token.Reveal()
	f.timeShift.Store(int64(time.Minute))
	check("expired", present(late))
}

func sameHeader(got, want http.Header) bool {
	var a, b strings.Builder
	_ = got.Write(&a)
	_ = want.Write(&b)
	return a.String() == b.String()
}

// A ticket that opened a connection is spent, however short that was.
func TestAbortDoesNotRestore(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	if got.StatusCode != switching {
		t.Fatalf("status %d, want 101", got.StatusCode)
	}
	_ = got.conn.Close()
	f.logs.waitFor(t, "connection closed")
	if again := f.send(t, strings.ReplaceAll(request(query), "$T", token)); again.StatusCode != 401 {
		t.Errorf("after an abort: status %d, want 401", again.StatusCode)
	}
}
