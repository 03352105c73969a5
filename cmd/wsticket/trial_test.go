package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

// trialOf starts dev. The answer to ask is what the page gets.
func trialOf(t *testing.T, args ...string) (p *process, ask func(path, body string) answer) {
	t.Helper()
	p = start(t, append([]string{"dev", "--public", "localhost:0", "--internal", "localhost:0"}, args...)...)
	return p, func(path, body string) answer {
		t.Helper()
		return exchange(t, http.MethodPost, "http://"+p.public+path, body, "Origin", "http://"+p.public, "Content-Type", "application/json")
	}
}

// signedIn returns the bearer of a user who has signed in on the page.
func signedIn(t *testing.T, ask func(path, body string) answer, body string) string {
	t.Helper()
	var got struct{ Bearer string }
	if a := ask("/demo/sign-in", body); a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &got) != nil {
		t.Fatalf("sign-in with %s: %d %s", body, a.status, a.body)
	}
	return got.Bearer
}

// The page has a policy without inline code, and serve has nothing of it.
func TestDevServesThePage(t *testing.T) {
	p, _ := trialOf(t)
	get := func(p *process, path string) answer { return exchange(t, http.MethodGet, "http://"+p.public+path, "") }
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/demo/main.js": "text/javascript; charset=utf-8", "/demo/page.css": "text/css; charset=utf-8"} {
		a := get(p, path)
		if policy := a.header.Get("Content-Security-Policy"); a.status != http.StatusOK || a.header.Get("Content-Type") != kind ||
			!strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s = %d %v, want the page with its policy", path, a.status, a.header)
		}
	}
	served := start(t, "serve", "--config", newProvider(t).config(t, "memory:"))
	for _, path := range []string{"/demo/main.js", "/demo/settings", "/demo/sign-in", "/demo/log"} {
		if a := get(served, path); a.status != http.StatusNotFound {
			t.Errorf("serve has %s: %d", path, a.status)
		}
	}
}

// Anybody who asks gets a bearer, so nobody may ask but a page of this server.
func TestTrialIsForItsOwnPage(t *testing.T) {
	p, _ := trialOf(t)
	own, body := "http://"+p.public, `{"name":"alice"}`
	for rule, row := range map[string]struct {
		method, path, body string
		status             int
		header             []string
	}{
		"its own page":            {"POST", "/demo/sign-in", body, 200, []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}},
		"a GET of its own page":   {"GET", "/demo/settings", "", 200, []string{"Sec-Fetch-Site", "same-origin"}},
		"a GET without either":    {"GET", "/demo/settings", "", 200, nil},
		"no page":                 {"POST", "/demo/sign-in", body, 403, nil},
		"another page":            {"POST", "/demo/sign-in", body, 403, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}},
		"another port":            {"POST", "/demo/sign-in", body, 403, []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}},
		"a page without a name":   {"POST", "/demo/sign-in", body, 403, []string{"Origin", "null"}},
		"a link of another page":  {"GET", "/demo/log", "", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		"typed into the address":  {"GET", "/demo/log", "", 403, []string{"Sec-Fetch-Site", "none"}},
		"two that do not agree":   {"POST", "/demo/sign-in", body, 403, []string{"Origin", own, "Sec-Fetch-Site", "same-site"}},
		"another method":          {"GET", "/demo/sign-out", "", 405, []string{"Origin", own}},
		"a form":                  {"POST", "/demo/sign-in", body, 400, []string{"Origin", own, "Content-Type", "text/plain"}},
		"a body that is too long": {"POST", "/demo/sign-in", `{"name":"` + strings.Repeat("a", 2000) + `"}`, 400, []string{"Origin", own}},
		"no JSON":                 {"POST", "/demo/sign-in", "name=alice", 400, []string{"Origin", own}},
		"no name":                 {"POST", "/demo/sign-in", `{"name":""}`, 400, []string{"Origin", own}},
		"a name to hide in":       {"POST", "/demo/sign-out", `{"name":"a\u0000b"}`, 400, []string{"Origin", own}},
		"too long a life":         {"POST", "/demo/sign-in", `{"name":"a","seconds":100000}`, 400, []string{"Origin", own}},
		"too short a life":        {"POST", "/demo/session", `{"name":"a","seconds":9}`, 400, []string{"Origin", own}},
		"no ticket":               {"POST", "/demo/handshakes", `{"ticket":"a\r\nb","count":1}`, 400, []string{"Origin", own}},
	} {
		header := append([]string{"Content-Type", "application/json"}, row.header...)
		if a := exchange(t, row.method, own+row.path, row.body, header...); a.status != row.status {
			t.Errorf("%s: %d %s, want %d", rule, a.status, a.body, row.status)
		}
	}
	rebound, err := http.NewRequestWithContext(t.Context(), http.MethodGet, own+"/demo/settings", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	rebound.Host = "evil.example"
	rebound.Header.Set("Sec-Fetch-Site", "same-origin")
	if a := do(t, &http.Client{Timeout: patience}, rebound); a.status != http.StatusMisdirectedRequest {
		t.Errorf("a page whose name points here: %d, want 421", a.status)
	}
}

// A user who has signed in connects, by a bearer and by a cookie, for as long as was asked for.
func TestTrialSignsIn(t *testing.T) {
	p, ask := trialOf(t, "--ttl", "2h")
	bearer := signedIn(t, ask, `{"name":"alice","seconds":60}`)
	_, port, _ := net.SplitHostPort(p.public)
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		issueTo(t, p, bearer, "", "http://"+host+":"+port)
	}
	a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, "")
	var made struct {
		issued

		ConnectionExpiresAt time.Time `json:"connection_expires_at"`
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated {
		t.Fatalf("a ticket: %d %s", a.status, a.body)
	}
	if left := time.Until(made.ConnectionExpiresAt); left > time.Minute {
		t.Errorf("the connection lives %s, want 60 s at most", left)
	}
	if _, hello, _ := dial(t, made.URL, nil); hello.UserID != "alice" {
		t.Errorf("greeted as %+v, want alice", hello)
	}
	a = ask("/demo/session", `{"name":"bob"}`)
	set := a.header.Get("Set-Cookie")
	if a.status != http.StatusNoContent || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") {
		t.Fatalf("a session: %d, cookie %q", a.status, set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	header := http.Header{"Cookie": {cookie}, "Origin": {"http://" + p.public}}
	if _, hello, _ := dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: header}); hello.UserID != "bob" {
		t.Errorf("greeted as %+v, want bob", hello)
	}
}

// Of a hundred handshakes with one ticket exactly one is let in, at each of the doors.
func TestTrialRaces(t *testing.T) {
	for _, doors := range []string{"query", "subprotocol", "header"} {
		p, ask := trialOf(t, "--set", "ws.doors="+doors)
		bearer := signedIn(t, ask, `{"name":"alice"}`)
		race := func(made issued, more string) (counts map[int]int) {
			var got struct{ Handshakes []struct{ Status int } }
			a := ask("/demo/handshakes", fmt.Sprintf(`{"ticket":%q,%s}`, made.Ticket, more))
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", doors, a.status, a.body)
			}
			counts = map[int]int{}
			for _, one := range got.Handshakes {
				counts[one.Status]++
			}
			return counts
		}
		page := func() issued { return issueTo(t, p, bearer, "", "http://"+p.public) }
		if counts := race(page(), `"count":100`); counts[101] != 1 || counts[401] != 99 {
			t.Errorf("%s: got %v, want one 101 and 99 times 401", doors, counts)
		}
		stolen := page()
		if counts := race(stolen, `"count":1,"elsewhere":true`); counts[401] != 1 {
			t.Errorf("%s, from elsewhere: got %v, want 401", doors, counts)
		}
		receipt := send(t, http.MethodGet, "http://"+p.public+"/ws-ticket/"+stolen.TicketID, bearer, "")
		if !strings.Contains(receipt.body, `"state":"refused"`) || !strings.Contains(receipt.body, `"reason":"wrong_origin"`) {
			t.Errorf("%s: the receipt is %s, want that it was refused for its origin", doors, receipt.body)
		}
	}
}

// Where settings leave something out, the page is told.
func TestTrialWithOtherSettings(t *testing.T) {
	p, ask := trialOf(t, "--set", "ws.doors=first_message")
	settings := exchange(t, http.MethodGet, "http://"+p.public+"/demo/settings", "", "Sec-Fetch-Site", "same-origin")
	if !strings.Contains(settings.body, `"doors":["first_message"]`) {
		t.Errorf("the settings are %s, want one door", settings.body)
	}
	made := issueTo(t, p, signedIn(t, ask, `{"name":"alice"}`), "", "http://"+p.public)
	for what, a := range map[string]answer{
		"a race without a door for tickets": ask("/demo/handshakes", fmt.Sprintf(`{"ticket":%q,"count":1}`, made.Ticket)),
		"a session without its door":        ask("/demo/session", `{"name":"alice"}`),
	} {
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "--set ws.doors") {
			t.Errorf("%s: %d %s, want 400 and what to set", what, a.status, a.body)
		}
	}
	p, ask = trialOf(t, "--set", "ws.accept_then_close=true", "--ttl", "30s")
	if a := ask("/demo/sign-in", `{"name":"alice","seconds":60}`); !strings.Contains(a.body, `"expires_in":30}`) {
		t.Errorf("a longer life than there is: %d %s, want 30 s", a.status, a.body)
	}
	made = issueTo(t, p, signedIn(t, ask, `{"name":"alice"}`), "", "http://"+p.public)
	for _, want := range []string{`"status":101`, `"status":4001`} {
		if a := ask("/demo/handshakes", fmt.Sprintf(`{"ticket":%q,"count":1}`, made.Ticket)); !strings.Contains(a.body, want) {
			t.Errorf("where refusals are closed: %d %s, want %s", a.status, a.body, want)
		}
	}
}

// Everything of a user ends, and the next sign-in is a good one.
func TestTrialSignsOut(t *testing.T) {
	p, ask := trialOf(t)
	bearer, bobs := signedIn(t, ask, `{"name":"alice"}`), signedIn(t, ask, `{"name":"bob"}`)
	alice, _, _ := dial(t, issue(t, p.public, bearer).URL, nil)
	bob, _, _ := dial(t, issue(t, p.public, bobs).URL, nil)
	if a := ask("/demo/sign-out", `{"name":"alice"}`); a.status != http.StatusNoContent {
		t.Fatalf("sign-out: %d %s", a.status, a.body)
	}
	if _, _, err := alice.Read(t.Context()); websocket.CloseStatus(err) != 4003 {
		t.Errorf("the connection ends with %v, want 4003", err)
	}
	if a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, ""); a.status != http.StatusUnauthorized {
		t.Errorf("the old bearer: %d %s, want 401", a.status, a.body)
	}
	issue(t, p.public, signedIn(t, ask, `{"name":"alice"}`))
	echoes(t, bob)
}

// The page gets the lines as they were written, from the moment that it asks.
func TestTrialShowsTheLog(t *testing.T) {
	p, ask := trialOf(t)
	bearer := signedIn(t, ask, `{"name":"alice"}`)
	before := issue(t, p.public, bearer)
	lines := logOf(t, p, "")
	made := issue(t, p.public, bearer)
	id, line := lines(made.TicketID)
	if written := p.stderr.WaitFor(t, line); written != line {
		t.Errorf("the page gets %q, want the line as it was written: %q", line, written)
	}
	_, _, _ = dial(t, made.URL, nil)
	_, line = lines(made.TicketID, "status=101")
	for secret, text := range map[string]string{"the ticket": made.Ticket, "the bearer": bearer, "an older line": before.TicketID} {
		if strings.Contains(line, text) {
			t.Errorf("the page gets %s: %s", secret, line)
		}
	}
	for what, request := range map[string][]string{
		"behind a line":                         {"?after=" + id},
		"behind a line, when it connects again": {"?after=1", "Last-Event-ID", id},
		"behind a line of a process before":     {"?after=1000000"},
	} {
		if _, again := logOf(t, p, request[0], request[1:]...)(made.TicketID, "status=101"); again != line {
			t.Errorf("%s: %q, want %q", what, again, line)
		}
	}
	if err := p.stop(t); err != nil {
		t.Errorf("with pages that read the log, the process ends with %v", err)
	}
}

// logOf reads the log as the page does, with further headers. The function returns the next line with all of
// the parts, and its number.
func logOf(t *testing.T, p *process, query string, header ...string) func(parts ...string) (id, line string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.public+"/demo/log"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET /demo/log%s = %d %v", query, res.StatusCode, res.Header)
	}
	late := time.AfterFunc(test.Patience, func() { _ = res.Body.Close() })
	t.Cleanup(func() { late.Stop() })
	in := bufio.NewScanner(res.Body)
	return func(parts ...string) (id, line string) {
		t.Helper()
		for in.Scan() {
			if number, ok := strings.CutPrefix(in.Text(), "id: "); ok {
				id = number
			}
			data, ok := strings.CutPrefix(in.Text(), "data: ")
			for _, part := range parts {
				ok = ok && strings.Contains(data, part)
			}
			if ok {
				return id, data
			}
		}
		t.Fatalf("the log has ended without %q: %v", parts, in.Err())
		return "", ""
	}
}
