package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
	"wsticket/ticket/remote"
	"wsticket/ws"
)

// As long as the keys of openssl rand -hex 32.
const (
	chatKey  = "ca4a12c4a7000000000000000000000000000000000000000000000000000001"
	otherKey = "ca4a12c4a7000000000000000000000000000000000000000000000000000002"
	watchKey = "ca4a12c4a7000000000000000000000000000000000000000000000000000003"
)

// withKeys are flags for three callers: two that consume, one that looks.
func withKeys() []string {
	entry := func(name, key, scope string) string {
		return fmt.Sprintf("{name: %s, sha256: %q, scopes: [%s]}", name, digestOf(key), scope)
	}
	return []string{
		"--set", "internal.api_keys=[" + entry("chat", chatKey, "consume") + "," + entry("another", otherKey, "consume") +
			"," + entry("watch", watchKey, "introspect, read") + "]",
		// A loaded machine may take a while between two requests.
		"--set", "ticket.retry_window=10s", "--set", "public.trusted_proxies=[127.0.0.1]",
	}
}

func digestOf(key string) string {
	digest := sha256.Sum256([]byte(key))
	return hex.EncodeToString(digest[:])
}

func startWithKeys(t testing.TB, config string, more ...string) *process {
	t.Helper()
	return start(t, append(append([]string{"serve", "--config", config}, withKeys()...), more...)...)
}

func (p *process) consume(t testing.TB, key, body string) answer {
	t.Helper()
	return send(t, http.MethodPost, "http://"+p.internal+"/consume", key, body)
}

// exchange makes a request with headers, name and value by turns.
func exchange(t testing.TB, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

// asNginx asks about a handshake of a client at 203.0.113.5.
func (p *process) asNginx(t testing.TB, token, requestID string, header ...string) answer {
	t.Helper()
	return exchange(t, http.MethodGet, "http://"+p.internal+"/auth/nginx", "", append([]string{
		"X-Original-URI", "/ws?ticket=" + token, "X-Original-Method", "GET", "X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "https",
		"X-Forwarded-For", "203.0.113.5", "X-Request-ID", requestID, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
	}, header...)...)
}

// TestOneOfAHundredConsumesIsActive: also if two processes share the store.
func TestOneOfAHundredConsumesIsActive(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	config := idp.config(t, redis.URL())
	processes := []*process{startWithKeys(t, config), startWithKeys(t, config)}
	got := issue(t, processes[0].public, idp.bearer(t, "alice"))
	var active, refused atomic.Int32
	test.Together(t, 100, 100, func(n int) error {
		// Each caller has an attempt of its own, so that none is a retry.
		switch a := processes[n%2].consume(t, chatKey, fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d"}`, got.Ticket, n)); {
		case a.status == http.StatusOK && strings.HasPrefix(a.body, `{"active":true,`):
			active.Add(1)
		case a.status == http.StatusOK && a.body == `{"active":false}`:
			refused.Add(1)
		}
		return nil
	})
	if active.Load() != 1 || refused.Load() != 99 {
		t.Errorf("got %d active and %d refused, want 1 and 99", active.Load(), refused.Load())
	}
}

// TestKeyHolders: what the two scopes of keys are good for, retries, and what
// operators see of both.
func TestKeyHolders(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	look := func() answer {
		return exchange(t, http.MethodPost, "http://"+p.internal+"/introspect", "token="+got.Ticket,
			"Authorization", "Bearer "+watchKey, "Content-Type", "application/x-www-form-urlencoded")
	}
	attempt := fmt.Sprintf(`{"ticket":%q,"attempt":"a"}`, got.Ticket)
	if a := look(); !strings.HasPrefix(a.body, `{"active":true,"consumed":false,`) {
		t.Errorf("introspect = %d %s, want it active and not consumed", a.status, a.body)
	}
	first := p.consume(t, chatKey, attempt)
	if first.status != http.StatusOK || !strings.Contains(first.body, `"sub":"alice"`) {
		t.Fatalf("consume = %d %s, want alice", first.status, first.body)
	}
	if again := p.consume(t, chatKey, attempt); again.body != first.body {
		t.Errorf("the same attempt = %s, want %s", again.body, first.body)
	}
	if a := p.consume(t, otherKey, attempt); a.status != http.StatusOK || a.body != `{"active":false}` {
		t.Errorf("another caller's attempt of the same name = %d %s, want it refused", a.status, a.body)
	}
	if a := look(); a.body != `{"active":false,"consumed":false}` {
		t.Errorf("introspect after it = %s, want it not active", a.body)
	}
	p.stderr.WaitFor(t, `"caller":"key:another"`)
	p.hasMetrics(
		t, `wsticket_http_requests_total{method="POST",reason="ok",route="/consume",status="200"} 2`,
		`wsticket_http_requests_total{method="POST",reason="spent",route="/consume",status="200"} 1`,
		`wsticket_actions_total{action="redeem",reason="retried"} 1`,
	)
}

// hasMetrics looks for parts of the metrics.
func (p *process) hasMetrics(t testing.TB, parts ...string) {
	t.Helper()
	metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
	for _, want := range parts {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

func TestForwardAuth(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	for range 2 { // nginx asks again if its connection to us died
		// Headers that nginx accepts from its client must not be too large here.
		a := p.asNginx(t, got.Ticket, "r-1", "Cookie", "a="+strings.Repeat("b", 40<<10))
		if a.status != http.StatusOK || a.body != "" || a.header.Get("X-Wsticket-Id") != got.TicketID {
			t.Errorf("the same request = %d %q %v, want 200 with the ID", a.status, a.body, a.header)
		}
	}
	a := p.asNginx(t, got.Ticket, "r-2")
	if a.status != http.StatusUnauthorized || a.header.Get("X-Wsticket-Error") != "invalid_ticket" {
		t.Errorf("another request = %d %v, want 401 invalid_ticket", a.status, a.header)
	}
	p.stderr.WaitFor(t, `"path":"/auth/nginx","status":200`)
	p.hasMetrics(
		t, `wsticket_handshakes_total{door="query",outcome="allowed",reason="ok"} 2`,
		`wsticket_handshakes_total{door="query",outcome="refused",reason="spent"} 1`,
	)
}

// TestForwardAuthOfOtherPeers: a proxy whose forwarded headers are believed need
// not be one that may ask.
func TestForwardAuthOfOtherPeers(t *testing.T) {
	idp := newProvider(t)
	config := idp.config(t, "memory:")
	for peers, want := range map[string]int{"[192.0.2.1, 127.0.0.1]": http.StatusOK, "[192.0.2.1]": http.StatusUnauthorized, "[]": http.StatusUnauthorized} {
		p := startWithKeys(t, config, "--set", "internal.forward_auth_peers="+peers)
		got := issue(t, p.public, idp.bearer(t, "alice"))
		if a := p.asNginx(t, got.Ticket, "r-1"); a.status != want {
			t.Errorf("%s: got %d %s, want %d", peers, a.status, a.body, want)
		}
		if a := p.asNginx(t, got.Ticket, "r-1", "X-Wsticket-Key", chatKey); a.status != http.StatusOK {
			t.Errorf("%s, with a key: got %d %s, want 200", peers, a.status, a.body)
		}
	}
}

// TestSameHandlerWithARemoteService: ws.Handler in another program, which
// knows neither the store nor its keys.
func TestSameHandlerWithARemoteService(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	bearer := idp.bearer(t, "alice")
	got, url := issue(t, p.public, bearer), remoteHandler(t, p, chatKey)
	conn, hello, _ := dial(t, url+"?ticket="+got.Ticket, nil)
	if hello.UserID != "alice" || hello.ConnectionID != got.TicketID {
		t.Errorf("greeted as %+v, want alice on %s", hello, got.TicketID)
	}
	echoes(t, conn)
	refused := func(rule, url string, want int) {
		t.Helper()
		if _, _, res := dial(t, url, nil); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", rule, res.StatusCode, want)
		}
	}
	refused("the same ticket again", url+"?ticket="+got.Ticket, http.StatusUnauthorized)
	got = issue(t, p.public, bearer)
	refused("with a wrong key", remoteHandler(t, p, "wrong")+"?ticket="+got.Ticket, http.StatusServiceUnavailable)
	redis.Freeze()
	refused("without the store", url+"?ticket="+got.Ticket, http.StatusServiceUnavailable)
	redis.Thaw()
}

// remoteHandler serves the WebSocket in this process and redeems at p.
func remoteHandler(t *testing.T, p *process, key string) string {
	t.Helper()
	redeemer, err := remote.New(remote.Options{URL: "http://" + p.internal, Key: ticket.NewBearer(key), Timeout: patience / 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redeemer.Close)
	judge, err := gate.New(gate.Options{Redeemer: redeemer, AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := ws.New(ws.Options{Gate: judge, Endpoint: ws.Echo})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/ws"
}

// TestGuesses: a caller that guesses keys gets 429, as configured.
func TestGuesses(t *testing.T) {
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "limits.per_address=2/h")
	for n, want := range []int{401, 401, 429} {
		if a := p.consume(t, fmt.Sprint("guess-", n), `{"ticket":"x"}`); a.status != want {
			t.Errorf("guess %d = %d, want %d", n, a.status, want)
		}
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/livez", "", ""); a.status != http.StatusOK {
		t.Errorf("/livez = %d, want 200", a.status)
	}
}
