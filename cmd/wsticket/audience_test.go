package main

import (
	"context"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/internal/test"
)

const (
	users = "https://id.example.com"
	staff = "https://staff.example.com"
	// Each key is for the tickets of one audience, allKey for those of all.
	adminsKey = "key-of-the-admins"
	allKey    = "key-for-all"
)

// audiences is a service with chat for everybody, and admin for those of staff who
// have the scope admin. Bills has no paths.
type audiences struct {
	*process
	sign func(issuer, scope string) string
}

func newAudiences(t *testing.T) audiences {
	t.Helper()
	key := test.ECKey(elliptic.P256())
	file := test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1, localhost], trusted_proxies: [127.0.0.1]}
internal:
  listen: "127.0.0.1:0"
  api_keys:
    - {name: chat, sha256: %[2]q, scopes: [consume, introspect], audiences: [chat]}
    - {name: admins, sha256: %[3]q, scopes: [consume, introspect], audiences: [admin, bills]}
    - {name: all, sha256: %[4]q, scopes: [consume, introspect]}
ticket:
  audiences:
    - {name: chat, paths: ["/ws/{room}", /ws/chat]}
    - {name: admin, paths: [/ws/admin], issuers: ["https://staff.example.com"], scopes: [admin]}
    - bills
issuers:
  - {issuer: "https://id.example.com", audience: [ws], public_key_file: %[1]q}
  - {issuer: "https://staff.example.com", audience: [ws], public_key_file: %[1]q}
origins:  ["https://app.example.com"]
session:  {cookie: sid, jwt: true}
ws:       {doors: [query, subprotocol, header, cookie, first_message]}
identity: {headers: {sub: X-User, iss: X-Issuer}}
limits:   {per_subject: 10000/s, per_address: 10000/s}
`, test.WriteFile(t, "key.pem", test.PublicPEM(key)), digestOf(chatKey), digestOf(adminsKey), digestOf(allKey)))
	sign := func(issuer, scope string) string {
		b := devidp.Bearer{Issuer: issuer, Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour, Claims: map[string]any{"scope": scope}, Type: "JWT"}
		text, err := b.Sign(key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return audiences{start(t, "serve", "--config", file), sign}
}

// ask requests a ticket for an audience.
func (a audiences) ask(t *testing.T, bearer, audience string) answer {
	t.Helper()
	return send(t, http.MethodPost, "http://"+a.public+"/ws-ticket", bearer, fmt.Sprintf(`{"audience":%q}`, audience))
}

// issue returns a ticket for an audience, that everybody may have who is an admin
// of staff.
func (a audiences) issue(t *testing.T, audience string) issued {
	t.Helper()
	res := a.ask(t, a.sign(staff, "admin"), audience)
	var got issued
	if err := json.Unmarshal([]byte(res.body), &got); err != nil || res.status != http.StatusCreated {
		t.Fatalf("a ticket for %s: %d %s", audience, res.status, res.body)
	}
	return got
}

// dial makes a handshake, and returns its status. A good one is greeted.
func (a audiences) dial(t *testing.T, path string, header http.Header) int {
	t.Helper()
	_, _, res := dial(t, "ws://"+a.public+path, &websocket.DialOptions{HTTPHeader: header})
	return res.StatusCode
}

// TestTicketOfOneAudience: a ticket opens the paths of its audience alone.
func TestTicketOfOneAudience(t *testing.T) {
	t.Parallel()
	a := newAudiences(t)
	for _, row := range []struct {
		audience, path string
		status         int
	}{
		{"chat", "/ws/chat", 101},
		{"chat", "/ws/general/", 101},
		{"chat", "/ws/admin", 401},
		{"chat", "/ws/admin/", 401},
		{"chat", "/ws/ADMIN", 404},
		{"chat", "/ws/%61dmin", 404},
		{"chat", "/ws/admin;x=y", 404},
		{"chat", "/ws/admin%3Fx", 404},
		{"admin", "/ws/admin", 101},
		{"admin", "/ws/general", 401},
		{"bills", "/ws/chat", 401}, // it has no path
		{"bills", "/ws/bills", 401},
	} {
		if got := a.dial(t, row.path+"?ticket="+a.issue(t, row.audience).Ticket, nil); got != row.status {
			t.Errorf("a ticket for %s at %s: got %d, want %d", row.audience, row.path, got, row.status)
		}
	}
	// A ticket that an ambiguous path was refused for is not spent. A wrong one is.
	got := a.issue(t, "admin")
	if status := a.dial(t, "/ws/ADMIN?ticket="+got.Ticket, nil); status != 404 {
		t.Errorf("an ambiguous path: got %d, want 404", status)
	}
	if status := a.dial(t, "/ws/general?ticket="+got.Ticket, nil); status != 401 {
		t.Errorf("the path of another audience: got %d, want 401", status)
	}
	if status := a.dial(t, "/ws/admin?ticket="+got.Ticket, nil); status != 401 {
		t.Errorf("its own path after that: got %d, want 401", status)
	}
	a.stderr.WaitFor(t, `"reason":"no_audience"`, `"client_path":"/ws/ADMIN"`, `"setting":"ticket.audiences"`)
	a.stderr.WaitFor(t, `"reason":"wrong_audience"`, `"audience":"chat"`)
	for audience, want := range map[string]string{"chat": "/ws/chat", "admin": "/ws/admin", "bills": ""} {
		got := a.issue(t, audience)
		if want != "" {
			want = "ws://" + a.public + want + "?ticket=" + got.Ticket
		}
		if got.URL != want {
			t.Errorf("the url of a ticket for %s: got %s, want %s", audience, got.URL, want)
		}
	}
}

// TestWhoMayHaveAnAudience: the rule of issuers and scopes counts for a ticket and
// wherever a bearer or session is presented instead of one.
func TestWhoMayHaveAnAudience(t *testing.T) {
	t.Parallel()
	a := newAudiences(t)
	for _, row := range []struct {
		rule, bearer string
		may          bool
		logged       []string
	}{
		{"of staff, with the scope", a.sign(staff, "read admin"), true, nil},
		{"another issuer", a.sign(users, "admin"), false, []string{`"issuer":"https://id.example.com"`}},
		{"without the scope", a.sign(staff, "read"), false, []string{`"needs":"admin"`, `"scope":"read"`}},
		{"without any", a.sign(staff, ""), false, []string{`"needs":"admin"`, `"scope":"(none)"`}},
		{"another scope that contains it", a.sign(staff, "admins admin.read"), false, []string{`"needs":"admin"`, `"scope":"admins admin.read"`}},
		{"in capital letters", a.sign(staff, "ADMIN"), false, []string{`"scope":"ADMIN"`}},
	} {
		want := map[string]int{"issue": 403, "header": 403, "cookie": 403}
		if row.may {
			want = map[string]int{"issue": 201, "header": 101, "cookie": 101}
		}
		got := map[string]int{
			"issue":  a.ask(t, row.bearer, "admin").status,
			"header": a.dial(t, "/ws/admin", http.Header{"Authorization": {"Bearer " + row.bearer}}),
			"cookie": a.dial(t, "/ws/admin", http.Header{"Cookie": {"sid=" + row.bearer}, "Origin": {pageOrigin}}),
		}
		for door := range want {
			if got[door] != want[door] {
				t.Errorf("%s, %s: got %d, want %d", row.rule, door, got[door], want[door])
			}
		}
		if text := a.first(t, "/ws/admin", row.bearer); strings.Contains(text, `"auth_ok"`) != row.may || !row.may && text != `{"type":"auth_fail","code":"insufficient_scope"}` {
			t.Errorf("%s, first message: got %s", row.rule, text)
		}
		if status := a.dial(t, "/ws/chat", http.Header{"Authorization": {"Bearer " + row.bearer}}); status != 101 {
			t.Errorf("%s, at chat: got %d, want 101", row.rule, status)
		}
		if !row.may {
			a.stderr.WaitFor(t, append([]string{`"path":"/ws-ticket"`, `"reason":"insufficient_scope"`, `"audience":"admin"`}, row.logged...)...)
			a.stderr.WaitFor(t, append([]string{`"path":"/ws/admin"`, `"reason":"insufficient_scope"`, `"audience":"admin"`}, row.logged...)...)
		}
	}
	// The bearer has to have the scope. The ticket may be narrower.
	narrow := send(t, http.MethodPost, "http://"+a.public+"/ws-ticket", a.sign(staff, "read admin"), `{"audience":"admin","scope":"read"}`)
	if narrow.status != http.StatusCreated {
		t.Errorf("a narrower ticket: got %d %s, want 201", narrow.status, narrow.body)
	}
	if wide := send(t, http.MethodPost, "http://"+a.public+"/ws-ticket", a.sign(staff, "read"), `{"audience":"admin","scope":"admin"}`); wide.status != http.StatusForbidden {
		t.Errorf("a wider one: got %d %s, want 403", wide.status, wide.body)
	}
}

// first sends a bearer as the first message, and returns the answer.
func (a audiences) first(t *testing.T, path, bearer string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+a.public+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow() //nolint:errcheck // The test is over.
	if err := conn.Write(ctx, websocket.MessageText, []byte(authMessage(bearer))); err != nil {
		t.Fatal(err)
	}
	_, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeyOfOneAudience: a key consumes tickets of its audiences alone, and sees no
// others.
func TestKeyOfOneAudience(t *testing.T) {
	t.Parallel()
	a := newAudiences(t)
	body := func(token, audience string) string {
		return fmt.Sprintf(`{"ticket":%q,"audience":%q}`, token, audience)
	}
	look := func(key, token string) string {
		return exchange(t, http.MethodPost, "http://"+a.internal+"/introspect", "token="+token,
			"Authorization", "Bearer "+key, "Content-Type", "application/x-www-form-urlencoded").body
	}
	const none = `{"active":false}`
	got := a.issue(t, "admin").Ticket
	foreign := a.consume(t, chatKey, body(got, "admin"))
	if foreign.status != http.StatusForbidden || !strings.Contains(foreign.body, `"insufficient_scope"`) {
		t.Errorf("the audience of another key: got %d %s, want 403", foreign.status, foreign.body)
	}
	a.stderr.WaitFor(t, `"reason":"key_audience"`, `"caller":"key:chat"`, `"audience":"admin"`)
	if text := look(chatKey, got); text != `{"active":false,"consumed":false}` {
		t.Errorf("introspect by another key: got %s, want what an unknown ticket gets", text)
	}
	if text := look(adminsKey, got); !strings.HasPrefix(text, `{"active":true,`) {
		t.Errorf("introspect: got %s, want it still active", text)
	}
	if res := a.consume(t, adminsKey, body(got, "admin")); !strings.Contains(res.body, `"aud":"admin"`) {
		t.Errorf("its own key: got %s, want that it was not spent", res.body)
	}
	// A ticket of another audience than the call is for is spent, as at a handshake.
	got = a.issue(t, "admin").Ticket
	if res := a.consume(t, chatKey, body(got, "chat")); res.body != none {
		t.Errorf("a ticket for admin as one for chat: got %s, want %s", res.body, none)
	}
	if res := a.consume(t, adminsKey, body(got, "admin")); res.body != none {
		t.Errorf("after that: got %s, want that it was spent", res.body)
	}
	// Without an audience the call is for the first one that is the key's.
	for key, audience := range map[string]string{chatKey: "chat", adminsKey: "admin", allKey: "chat"} {
		if res := a.consume(t, key, fmt.Sprintf(`{"ticket":%q}`, a.issue(t, audience).Ticket)); !strings.Contains(res.body, `"aud":"`+audience+`"`) {
			t.Errorf("without an audience: got %d %s, want %s", res.status, res.body, audience)
		}
	}
	if res := a.consume(t, adminsKey, body(a.issue(t, "bills").Ticket, "bills")); !strings.Contains(res.body, `"aud":"bills"`) {
		t.Errorf("an audience without paths: got %s, want it consumed", res.body)
	}
	if res := a.consume(t, chatKey, body(a.issue(t, "chat").Ticket, "gone")); res.status != http.StatusBadRequest {
		t.Errorf("an audience that there is not: got %d %s, want 400", res.status, res.body)
	}
}

// TestDocumentedAudiences: check-config accepts the example of docs/doors.md.
func TestDocumentedAudiences(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "../../docs/doors.md")
	_, rest, _ := strings.Cut(text, "```yaml\nticket:")
	example, _, found := strings.Cut("ticket:"+rest, "```")
	if !found || !strings.Contains(example, "audiences: [chat]") {
		t.Fatalf("there is no example: %s", example)
	}
	key := test.WriteFile(t, "key.pem", test.PublicPEM(test.ECKey(elliptic.P256())))
	example = strings.NewReplacer("users.pub.pem", key, "staff.pub.pem", key).Replace(example)
	if _, _, err := runIn(t, nil, "check-config", "--config", test.WriteFile(t, "wsticket.yaml", example)); err != nil {
		t.Error(err)
	}
	nginx, _, err := runIn(t, nil, "print-config", "nginx", "--config", test.WriteFile(t, "edge.yaml", example))
	if err != nil || !strings.Contains(nginx, "^(/ws/chat|/ws/chat/") || !strings.Contains(nginx, "|/ws/admin)/?$") {
		t.Errorf("print-config nginx: %v\n%s\nwant every path of the audiences", err, nginx)
	}
}
