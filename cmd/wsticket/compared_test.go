package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/internal/test"
)

// asker makes the requests of TestRefusalsShowWhatWasCompared.
type asker struct {
	*process
	bearer func(change func(*devidp.Bearer)) string
	subs   int
}

// askTicket asks for a ticket with the bearer of a new user, after a change of it.
func (a *asker) askTicket(t *testing.T, change func(*devidp.Bearer), body string, header ...string) {
	a.subs++
	bearer := a.bearer(func(b *devidp.Bearer) {
		b.Subject = fmt.Sprint("user-", a.subs)
		if change != nil {
			change(b)
		}
	})
	header = append([]string{"Authorization", "Bearer " + bearer, "Content-Type", "application/json"}, header...)
	exchange(t, http.MethodPost, "http://"+a.public+"/ws-ticket", body, header...)
}

// handshake opens a socket, with changes of its headers.
func (a *asker) handshake(t *testing.T, path string, header ...string) {
	exchange(t, http.MethodGet, "http://"+a.public+path, "", append([]string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
	}, header...)...)
}

// comparedServer is the configuration: an application that refuses everybody, and
// one ticket an hour for each user.
func comparedServer(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	app := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(app.Close)
	public, _ := key.Public().(ed25519.PublicKey)
	jwk := test.WriteFile(t, "key.json", fmt.Sprintf(`{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": %q}`, base64.RawURLEncoding.EncodeToString(public)))
	return test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [EdDSA], public_key_file: %q}]
origins:  [%q]
ws:       {upstream: %q, doors: [subprotocol, header]}
limits:   {per_subject: 1/h}
`, jwk, pageOrigin, app.URL))
}

// TestRefusalsShowWhatWasCompared: one line of the log has the reason and the value
// that did not fit, at every level, and at debug what would have been accepted.
func TestRefusalsShowWhatWasCompared(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	file := comparedServer(t, key)
	type row struct {
		rule, reason, value, expected string
		ask                           func(t *testing.T, a *asker)
	}
	changed := func(change func(*devidp.Bearer)) func(*testing.T, *asker) {
		return func(t *testing.T, a *asker) { a.askTicket(t, change, "") }
	}
	body := func(text string) func(*testing.T, *asker) {
		return func(t *testing.T, a *asker) { a.askTicket(t, nil, text) }
	}
	rows := []row{
		{"an origin", "origin_not_allowed", `"origin":"https://evil.example.com"`, `["` + pageOrigin + `"]`, func(t *testing.T, a *asker) { a.askTicket(t, nil, "", "Origin", "https://evil.example.com") }},
		{"a host", "host_not_allowed", `"host":"localhost:`, `["127.0.0.1"]`, func(t *testing.T, a *asker) {
			_, port, _ := strings.Cut(a.public, ":")
			send(t, http.MethodPost, "http://localhost:"+port+"/ws-ticket", "", "")
		}},
		{"an issuer", "bearer_issuer", `"issuer":"https://id.example.com/"`, `["https://id.example.com"]`, changed(func(b *devidp.Bearer) { b.Issuer += "/" })},
		{"an audience", "bearer_audience", `"audience":"account"`, `["ws"]`, changed(func(b *devidp.Bearer) { b.Audience = []string{"account"} })},
		{"a typ", "bearer_type", `"typ":"logout+jwt"`, `["at+jwt","JWT"`, changed(func(b *devidp.Bearer) { b.Type = "logout+jwt" })},
		{"a kid", "bearer_key_unknown", `"kid":"k2"`, `["k1"]`, changed(func(b *devidp.Bearer) { b.KeyID = "k2" })},
		{"a lifetime", "bearer_lifetime", `"lifetime":`, `["24h0m0s"]`, changed(func(b *devidp.Bearer) { b.TTL = 48 * time.Hour })},
		{"an alg", "bearer_algorithm", `"alg":"none"`, `["EdDSA"]`, func(t *testing.T, a *asker) {
			text := a.bearer(func(*devidp.Bearer) {})
			_, rest, _ := strings.Cut(text, ".")
			send(t, http.MethodPost, "http://"+a.public+"/ws-ticket", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))+"."+rest, "")
		}},
		{"a limit", "rate_limited", `"limit":"limits.per_subject"`, `["at most 1 in 1h0m0s"]`, func(t *testing.T, a *asker) {
			for range 2 {
				a.askTicket(t, func(b *devidp.Bearer) { b.Subject = "busy" }, "")
			}
		}},
		{"a ttl out of range", "invalid_request", `"ttl":"1h0m0s"`, `["1s to 30s"]`, body(`{"ttl": 3600}`)},
		{"an audience of tickets", "insufficient_scope", `"audience":"chat"`, `["default"]`, body(`{"audience": "chat"}`)},
		{"a scope", "insufficient_scope", `"scope":"admin"`, `["read"]`, body(`{"scope": "admin"}`)},
		{"a media type", "unsupported_media_type", `"value":"text/plain"`, `["must be application/json"]`, func(t *testing.T, a *asker) { a.askTicket(t, nil, "{}", "Content-Type", "text/plain") }},
		{"a header of the handshake", "handshake", `"header":"Upgrade","fault":"not_websocket","value":"h2c"`, `["websocket"]`, func(t *testing.T, a *asker) { a.handshake(t, "/ws", "Upgrade", "h2c") }},
		{"a version", "handshake", `"value":"8"`, `["13"]`, func(t *testing.T, a *asker) { a.handshake(t, "/ws", "Sec-WebSocket-Version", "8") }},
		{"a door", "closed_door", `"door":"query"`, `["subprotocol","header"]`, func(t *testing.T, a *asker) { a.handshake(t, "/ws?ticket=wst1_x") }},
		{"the application", "upstream_refused", `"upstream_status":404`, `["101"]`, func(t *testing.T, a *asker) {
			a.handshake(t, "/ws", "Authorization", "Bearer "+a.bearer(func(*devidp.Bearer) {}))
		}},
	}
	for _, level := range []string{"info", "debug"} {
		a := &asker{process: startWithKeys(t, file, "--set", "log.level="+level), bearer: func(change func(*devidp.Bearer)) string {
			b := devidp.Bearer{
				Issuer: "https://id.example.com", Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour, Type: "JWT", KeyID: "k1",
				Claims: map[string]any{"scope": "read"},
			}
			change(&b)
			text, err := b.Sign(key, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return text
		}}
		for _, row := range rows {
			row.ask(t, a)
			line := a.stderr.WaitFor(t, `"reason":"`+row.reason+`"`, row.value)
			_, found, has := strings.Cut(line, `"expected":`)
			if want := level == "debug"; has != want || want && !strings.Contains(found, row.expected) {
				t.Errorf("%s: at %s the line is\n%s\nwant %s to be expected at debug only", row.rule, level, line, row.expected)
			}
		}
	}
}
