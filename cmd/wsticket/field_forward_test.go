package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestFieldForwarded asks as proxies do, with the headers that they set by
// default, by their documentation, and by mistake.
func TestFieldForwarded(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "public.hosts=api.example.com,127.0.0.1",
		"--set", "public.trusted_proxies=127.0.0.1")
	bearer := idp.bearer(t, "alice")
	type input struct {
		Path, Host string
		Header     http.Header
	}
	for _, c := range fieldCases[input](t, "forwarded.json") {
		text, err := json.Marshal(c.Input)
		if err != nil {
			t.Fatal(err)
		}
		var in input
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "TICKET", issue(t, p.public, bearer).Ticket)), &in); err != nil {
			t.Fatal(err)
		}
		if got := p.asked(t, in.Path, in.Host, in.Header); got != c.Want {
			t.Errorf("%s: got %q, want %q: %s", c.Source, got, c.Want, c.Why)
		}
	}
}

// asked sends the question of a proxy about a good handshake. It returns
// "allowed", or what the log says: the reason, and the header with its fault.
func (p *process) asked(t *testing.T, path, host string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.internal+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Header = host, http.Header{}
	for name, values := range header {
		for _, value := range values {
			req.Header.Add(name, value)
		}
	}
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	a := do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
	if a.status == http.StatusOK && a.body == "" && a.header.Get("X-Auth-Request-User") == "alice" {
		return "allowed"
	}
	line := p.logged(t, a.header.Get("X-Request-Id"))
	return strings.TrimSpace(strings.Join([]string{line.Reason, line.Header, line.Fault}, " "))
}

// logLine is what tests read of a line of the log.
type logLine struct{ Reason, Header, Fault string }

// logged returns the line of a request that has been answered. It is written
// after the answer.
func (p *process) logged(t *testing.T, requestID string) (line logLine) {
	t.Helper()
	text := p.stderr.WaitFor(t, `"msg":"request"`, `"request_id":"`+requestID+`"`)
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("line %s: %v", text, err)
	}
	return line
}
