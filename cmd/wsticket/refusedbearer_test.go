package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/internal/test"
)

// TestRefusedBearersInTheLog: at every door one line says why a bearer was
// refused: a reason of docs/operations.md, the issuer, and what did not fit. The
// level debug adds what was expected.
func TestRefusedBearersInTheLog(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	config := test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1], trusted_proxies: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], public_key_file: %q}]
session:  {cookie: sid, jwt: true}
origins:  [%q]
ws:       {doors: [query, header, cookie, first_message]}
`, test.WriteFile(t, "key.pem", publicKeyPEM(t, key)), pageOrigin))
	text, err := devidp.Bearer{
		Issuer: "https://id.example.com", Subject: "alice-canary", Audience: []string{"account"}, TTL: time.Hour, Type: "JWT",
	}.Sign(key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"info", "debug"} {
		p := startWithKeys(t, config, "--set", "log.level="+level)
		for door, ask := range map[string]func(requestID string){
			"ws-ticket": func(id string) {
				exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "Authorization", "Bearer "+text, "X-Request-Id", id)
			},
			"header": func(id string) {
				header := http.Header{"Authorization": {"Bearer " + text}, "X-Request-Id": {id}}
				dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: header})
			},
			"cookie": func(id string) {
				header := http.Header{"Cookie": {"sid=" + text}, "Origin": {pageOrigin}, "X-Request-Id": {id}}
				dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: header})
			},
			"first_message": func(id string) {
				conn, _, err := websocket.Dial(t.Context(), "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"X-Request-Id": {id}}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.CloseNow() }()
				if err := conn.Write(t.Context(), websocket.MessageText, []byte(authMessage(text))); err != nil {
					t.Fatal(err)
				}
				_, _, _ = conn.Read(t.Context())
			},
			"forward auth": func(id string) {
				exchange(t, http.MethodGet, "http://"+p.internal+"/auth/nginx", "", "Authorization", "Bearer "+text,
					"X-Original-URI", "/ws", "X-Original-Method", "GET", "X-Forwarded-Host", "127.0.0.1", "X-Forwarded-Proto", "http",
					"X-Forwarded-For", "203.0.113.5", "X-Request-ID", id, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			},
		} {
			id := strings.ReplaceAll(level+"-"+door, " ", "-")
			ask(id)
			line := p.stderr.WaitFor(t, `"request_id":"`+id+`"`, `"reason":"bearer_audience"`)
			for _, want := range []string{`"issuer":"https://id.example.com"`, `"audience":"account"`, `"claim":"aud"`} {
				if !strings.Contains(line, want) {
					t.Errorf("%s: the line has no %s:\n%s", door, want, line)
				}
			}
			if got := strings.Contains(line, `"expected":["ws"]`); got != (level == "debug") {
				t.Errorf("%s: at %s, expected in the line: %t\n%s", door, level, got, line)
			}
		}
		if said := p.stderr.String(); strings.Contains(said, "canary") || strings.Contains(said, "eyJ") {
			t.Errorf("the log has the user or the token:\n%s", said)
		}
	}
}
