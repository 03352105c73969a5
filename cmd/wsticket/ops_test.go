package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// TestOpsPageIsServed: in serve and in dev the internal listener has the page, with a
// policy that runs nothing but its own files, and shows nothing to foreign pages.
func TestOpsPageIsServed(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*process{
		"serve": start(t, "serve", "--config", newProvider(t).config(t, "memory:")),
		"dev":   start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0"),
	} {
		for path, kind := range map[string]string{"/ops": "text/html", "/ops/main.js": "text/javascript", "/ops/page.css": "text/css"} {
			a := exchange(t, http.MethodGet, "http://"+p.internal+path, "", "Origin", "https://evil.example.com")
			policy := a.header.Get("Content-Security-Policy")
			if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), kind) ||
				!strings.Contains(policy, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: %s = %d %s with the policy %q", name, path, a.status, a.header.Get("Content-Type"), policy)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s: %s may be read by a foreign page: %v", name, path, a.header)
			}
			if a := getAs(t, "evil.example.com", "http://"+p.internal+path); a.status != http.StatusMisdirectedRequest {
				t.Errorf("%s: %s at a foreign host = %d, want 421", name, path, a.status)
			}
			if a := exchange(t, http.MethodGet, "http://"+p.public+path, ""); a.status != http.StatusNotFound {
				t.Errorf("%s: the public listener has %s: %d", name, path, a.status)
			}
		}
	}
}

// getAs is a GET whose Host is another one than that of the URL.
func getAs(t *testing.T, host, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

// opsTimeline is an answer of /ops/tickets/{id}.
type opsTimeline struct{ Events []opsEvent }

type opsEvent struct {
	Kind      string
	CloseCode int `json:"close_code"`
}

// TestTheTimelineOfATicket: what serve saw of a ticket, from its issue to the end of
// its connection, is there for a key with the scope read, and the ticket is not in it.
func TestTheTimelineOfATicket(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, _ := idp.withOperator(t, "memory:")
	p := start(t, "serve", "--config", config)
	got := issue(t, p.public, idp.bearer(t, "alice"))
	_, _, _ = dial(t, got.URL, nil)
	_, _, _ = dial(t, got.URL, nil)
	if a := send(t, http.MethodDelete, "http://"+p.internal+"/connections/"+got.TicketID, "ops-key", ""); a.status != http.StatusNoContent {
		t.Fatalf("cut: %d %s", a.status, a.body)
	}
	var seen opsTimeline
	test.Wait(t, "the end of the connection", func() bool {
		a := send(t, http.MethodGet, "http://"+p.internal+"/ops/tickets/"+got.TicketID, "ops-key", "")
		if a.status != http.StatusOK || strings.Contains(a.body, got.Ticket) {
			t.Fatalf("timeline: %d %s", a.status, a.body)
		}
		seen = opsTimeline{}
		if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(seen.Events, func(e opsEvent) bool { return e.Kind == "disconnect" && e.CloseCode == 4003 })
	})
	var kinds []string
	for _, e := range seen.Events {
		kinds = append(kinds, e.Kind)
	}
	for _, want := range []string{"issue", "redeem", "connect", "request", "replay", "revoke", "disconnect"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("got %q, want %s among them", kinds, want)
		}
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/ops/tickets/"+got.TicketID, "", ""); a.status != http.StatusUnauthorized {
		t.Errorf("without a key: %d, want 401", a.status)
	}
}

// TestDevHasAKeyForTheOperator: dev prints a key with every scope, and logs it nowhere.
func TestDevHasAKeyForTheOperator(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	p.stdout.WaitFor(t, "Ctrl-C here")
	_, rest, _ := strings.Cut(p.stdout.String(), "its API key: ")
	key, _, found := strings.Cut(rest, ")")
	a := send(t, http.MethodGet, "http://"+p.internal+"/ops/access", key, "")
	if !found || a.status != http.StatusOK || a.body != `{"caller":"key:dev","scopes":["consume","introspect","revoke","read"],"all_audiences":true,"trail":true}` {
		t.Errorf("the key of dev: %d %s", a.status, a.body)
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/ops/access?key="+key, "", ""); a.status != http.StatusBadRequest {
		t.Errorf("the key in the URL: %d, want 400", a.status)
	}
	if err := p.stop(t); err != nil {
		t.Error(err)
	}
	if strings.Contains(p.stderr.String(), key) {
		t.Error("the log shows the key")
	}
}
