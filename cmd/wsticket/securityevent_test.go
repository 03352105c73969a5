package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// securityEvent is an event of the provider about a user.
func (p provider) securityEvent(t testing.TB, kind, subject, jti string, at time.Time) string {
	t.Helper()
	return p.sign(t, "secevent+jwt", fmt.Sprintf(`{"iss":"https://id.example.com","aud":"receiver","jti":%q,"iat":%d,"sub_id":%s,`+
		`"events":{"https://schemas.openid.net/secevent/%s":{}}}`, jti, at.Unix(), subject, kind))
}

// push sends a security event to a process.
func (p *process) push(t testing.TB, token string) answer {
	t.Helper()
	return exchange(t, http.MethodPost, "http://"+p.public+"/security-events", token, "Content-Type", "application/secevent+jwt")
}

// TestSecurityEvents: an event that one process gets closes the connections of the user
// in all of them, as its type says, and has an effect once.
func TestSecurityEvents(t *testing.T) {
	t.Parallel()
	idp, redis := newProvider(t), testenv.Redis(t)
	text := strings.Replace(mustRead(t, idp.config(t, redis.URL())), "audience: [ws],", "audience: [ws], events: {audience: [receiver]},", 1)
	config := test.WriteFile(t, "wsticket.yaml", text)
	a, b := start(t, "serve", "--config", config), start(t, "serve", "--config", config)
	now := time.Now()
	for _, row := range []struct {
		kind, user string
		code       int
	}{
		{"caep/event-type/session-revoked", "alice", 4003},
		{"caep/event-type/credential-change", "bob", 4008},
		{"caep/event-type/token-claims-change", "carol", 4008},
	} {
		old := idp.bearerAt(t, row.user, now.Add(-time.Minute))
		here, _, _ := dial(t, issue(t, a.public, old).URL, nil)
		there, _, _ := dial(t, issue(t, b.public, old).URL, nil)
		subject := fmt.Sprintf(`{"format":"iss_sub","iss":"https://id.example.com","sub":%q}`, row.user)
		token := idp.securityEvent(t, row.kind, subject, row.user, now)
		if got := a.push(t, token); got.status != http.StatusAccepted || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: got %d %v %s, want 202 without a body", row.kind, got.status, got.header, got.body)
		}
		if code, _ := closing(t, here); int(code) != row.code {
			t.Errorf("%s, this process: closed with %d, want %d", row.kind, code, row.code)
		}
		if code, _ := closing(t, there); int(code) != row.code {
			t.Errorf("%s, the other process: closed with %d, want %d", row.kind, code, row.code)
		}
		if got := send(t, http.MethodPost, "http://"+b.public+"/ws-ticket", old, ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s, the old bearer: status %d, want 401", row.kind, got.status)
		}
		if got := b.push(t, token); got.status != http.StatusAccepted {
			t.Errorf("%s again: got %d %s, want 202", row.kind, got.status, got.body)
		}
	}
	dave, _, _ := dial(t, issue(t, b.public, idp.bearerAt(t, "dave", now.Add(-time.Minute))).URL, nil)
	tenant := `{"format":"complex","tenant":{"format":"opaque","id":"t-1"}}`
	if got := b.push(t, idp.securityEvent(t, "caep/event-type/session-revoked", tenant, "j-1", now)); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"err":"invalid_request"`) {
		t.Errorf("a tenant: got %d %s, want 400", got.status, got.body)
	}
	for _, kind := range []string{"ssf/event-type/verification", "caep/event-type/device-compliance-change"} {
		if got := b.push(t, idp.securityEvent(t, kind, tenant, kind, now)); got.status != http.StatusAccepted {
			t.Errorf("%s: got %d %s, want 202", kind, got.status, got.body)
		}
	}
	b.stderr.WaitFor(t, `"msg":"unknown security event"`, "device-compliance-change")
	if err := dave.Ping(dave.CloseRead(t.Context())); err != nil {
		t.Errorf("another user: %v, want that the connection is open", err)
	}
	metrics := send(t, http.MethodGet, "http://"+b.internal+"/metrics", "", "").body
	for _, series := range []string{`{outcome="repeated"} 3`, `{outcome="verification"} 1`, `{outcome="unknown"} 1`, `{outcome="refused"} 1`} {
		if !strings.Contains(metrics, "wsticket_security_events_total"+series) {
			t.Errorf("the metrics have no %s", series)
		}
	}
}
