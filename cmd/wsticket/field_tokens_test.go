package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

// tokenShape is a token as a provider makes it, without what differs each time.
type tokenShape struct {
	Text   string         `json:"text"` // the token itself, where it is no JWT
	Header map[string]any `json:"header"`
	// Claims have iss, iat and exp added where they lack them.
	Claims map[string]any `json:"claims"`
	// Times are dates in the claims, in seconds from now.
	Times map[string]int64 `json:"times"`
	// Issuer are settings of its issuer that are not the default.
	Issuer map[string]any `json:"issuer"`
	Scope  string         `json:"scope"` // what is asked for
	// Identity is what the application has to learn.
	Identity map[string]any `json:"identity"`
}

// sign makes the token with RS256, whatever its header says.
func (s tokenShape) sign(t *testing.T, key *rsa.PrivateKey, issuer string) string {
	t.Helper()
	if s.Text != "" {
		return s.Text
	}
	now := time.Now().Unix()
	claims := map[string]any{"iss": issuer, "iat": now - 10, "exp": now + 3600}
	maps.Copy(claims, s.Claims)
	for name, seconds := range s.Times {
		claims[name] = now + seconds
	}
	var text string
	for _, part := range []any{s.Header, claims} {
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		text += base64.RawURLEncoding.EncodeToString(data) + "."
	}
	text = text[:len(text)-1]
	hash := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestFieldTokens sends every token of testdata/field/tokens.json to a service
// that has its issuer. Where the outcome is a reason, it has to be in the line
// of the log, with the issuer.
func TestFieldTokens(t *testing.T) {
	t.Parallel()
	cases := fieldCases[tokenShape](t, "tokens.json")
	key := test.RSAKey(2048)
	public := test.WriteFile(t, "key.pem", test.PublicPEM(key))
	issuers := make([]map[string]any, len(cases))
	for n, c := range cases {
		issuers[n] = map[string]any{"issuer": fieldIssuer(n), "audience": []string{"ws"}, "public_key_file": public}
		maps.Copy(issuers[n], c.Input.Issuer)
	}
	config, err := json.Marshal(map[string]any{
		"public": map[string]any{"listen": "127.0.0.1:0"}, "internal": map[string]any{"listen": "127.0.0.1:0"},
		"limits": map[string]any{"per_address": "0"}, "issuers": issuers, "origins": []string{"https://app.example.com"},
		"identity": map[string]any{"headers": map[string]string{"sub": "X-User", "iss": "X-User-Issuer"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := startWithKeys(t, test.WriteFile(t, "wsticket.yaml", string(config)))
	for n, c := range cases {
		t.Run(c.Source, func(t *testing.T) { p.tryToken(t, n, c, c.Input.sign(t, key, fieldIssuer(n))) })
	}
}

func fieldIssuer(n int) string { return fmt.Sprintf("https://id-%d.example.com", n) }

func (p *process) tryToken(t *testing.T, n int, c fieldCase[tokenShape], token string) {
	t.Helper()
	body := ""
	if c.Input.Scope != "" {
		body = fmt.Sprintf(`{"scope":%q}`, c.Input.Scope)
	}
	a := exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", body,
		"Authorization", "Bearer "+token, "Content-Type", "application/json")
	requestID := a.header.Get("X-Request-Id")
	if c.Want == "201" {
		if a.status != http.StatusCreated {
			t.Fatalf("got %d %s, want 201: %s\n%s", a.status, a.body, c.Why, p.stderr.WaitFor(t, requestID))
		}
		p.learns(t, a.body, c.Input.Identity)
		p.opens(t, token)
		return
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(p.stderr.WaitFor(t, `"request_id":"`+requestID+`"`)), &line); err != nil {
		t.Fatal(err)
	}
	if a.status == http.StatusCreated || line["reason"] != c.Want {
		t.Errorf("got %d, reason %v, want %s: %s", a.status, line["reason"], c.Want, c.Why)
	}
	iss, _ := c.Input.Claims["iss"].(string)
	if want := map[bool]string{true: iss, false: fieldIssuer(n)}[iss != ""]; c.Input.Text == "" && a.status == http.StatusUnauthorized && line["issuer"] != want {
		t.Errorf("the log names the issuer %v, want %s", line["issuer"], want)
	}
}

// learns redeems the ticket as an application does, and compares the identity.
func (p *process) learns(t *testing.T, answer string, want map[string]any) {
	t.Helper()
	var got issued
	var identity map[string]any
	consumed := ""
	if err := json.Unmarshal([]byte(answer), &got); err == nil {
		consumed = p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q}`, got.Ticket)).body
	}
	if err := json.Unmarshal([]byte(consumed), &identity); err != nil || identity["active"] != true {
		t.Fatalf("consumed: %s", consumed)
	}
	for name, value := range want {
		if identity[name] != value {
			t.Errorf("the application learns %s %v, want %v", name, identity[name], value)
		}
	}
}

// opens connects with the bearer itself, as a native client does.
func (p *process) opens(t *testing.T, token string) {
	t.Helper()
	conn, _, res := dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the WebSocket got %d, want 101", res.StatusCode)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
}
