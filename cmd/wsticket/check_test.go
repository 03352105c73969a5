package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/testenv"
	"wsticket/ticket"
	"wsticket/ticket/remote"
	"wsticket/ws"
)

// As long as those of openssl rand -hex 32.
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

func TestOneOfAHundredConsumesIsActive(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	config := idp.config(t, redis.URL())
	processes := []*process{startWithKeys(t, config), startWithKeys(t, config)}
	got := issue(t, processes[0].public, idp.bearer(t, "alice"))
	var mu sync.Mutex
	counts := make(map[string]int)
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			// As many attempts as callers, so that none comes again.
			a := processes[n%2].consume(t, chatKey, fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d"}`, got.Ticket, n))
			mu.Lock()
			defer mu.Unlock()
			counts[fmt.Sprint(a.status, " ", a.body[:min(14, len(a.body))])]++
		})
	}
	wg.Wait()
	if counts[`200 {"active":true`] != 1 || counts[`200 {"active":fals`] != 99 {
		t.Errorf("got %v, want one active and 99 not", counts)
	}
}

func TestConsumeAttempts(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	bearer := idp.bearer(t, "alice")
	body := func(got issued, attempt string) string {
		return fmt.Sprintf(`{"ticket":%q,"attempt":%q}`, got.Ticket, attempt)
	}
	got := issue(t, p.public, bearer)
	first := p.consume(t, chatKey, body(got, "a"))
	if first.status != http.StatusOK || !strings.Contains(first.body, `"sub":"alice"`) {
		t.Fatalf("consume = %d %s, want alice", first.status, first.body)
	}
	if again := p.consume(t, chatKey, body(got, "a")); again.body != first.body {
		t.Errorf("the same attempt = %s, want %s", again.body, first.body)
	}
	for rule, a := range map[string]answer{
		"another attempt":                   p.consume(t, chatKey, body(got, "b")),
		"another caller's of the same name": p.consume(t, otherKey, body(got, "a")),
		"no attempt":                        p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q}`, got.Ticket)),
	} {
		if a.status != http.StatusOK || a.body != `{"active":false}` {
			t.Errorf("%s = %d %s, want it refused", rule, a.status, a.body)
		}
	}
	nameless := issue(t, p.public, bearer)
	for _, want := range []string{`{"active":true`, `{"active":false}`} {
		if a := p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q}`, nameless.Ticket)); !strings.HasPrefix(a.body, want) {
			t.Errorf("without an attempt = %s, want %s", a.body, want)
		}
	}
	p.stderr.waitFor(t, `"caller":"key:another"`)
	metrics := exchange(t, http.MethodGet, "http://"+p.internal+"/metrics", "").body
	for _, want := range []string{
		`wsticket_http_requests_total{method="POST",reason="ok",route="/consume",status="200"} 3`,
		`wsticket_http_requests_total{method="POST",reason="spent",route="/consume",status="200"} 4`,
		`wsticket_actions_total{action="redeem",reason="retried"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

func TestForwardAuthAttempts(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	for range 2 { // nginx asks again where its connection to us died
		a := p.asNginx(t, got.Ticket, "r-1")
		if a.status != http.StatusOK || a.body != "" || a.header.Get("X-Wsticket-Id") != got.TicketID || a.header.Get("Content-Length") != "0" {
			t.Errorf("the same request = %d %q %v, want 200 with the ID", a.status, a.body, a.header)
		}
	}
	a := p.asNginx(t, got.Ticket, "r-2")
	if a.status != http.StatusUnauthorized || a.header.Get("X-Wsticket-Error") != "invalid_ticket" {
		t.Errorf("another request = %d %v, want 401 invalid_ticket", a.status, a.header)
	}
	// What nginx accepts of its client must not be too much for us.
	a = p.asNginx(t, issue(t, p.public, idp.bearer(t, "alice")).Ticket, "r-3", "Cookie", "a="+strings.Repeat("b", 40<<10))
	if a.status != http.StatusOK {
		t.Errorf("with 40 KiB of cookies = %d, want 200", a.status)
	}
	p.stderr.waitFor(t, `"path":"/auth/nginx","status":200`)
	metrics := exchange(t, http.MethodGet, "http://"+p.internal+"/metrics", "").body
	for _, want := range []string{
		`wsticket_handshakes_total{door="query",outcome="allowed",reason="ok"} 3`,
		`wsticket_handshakes_total{door="query",outcome="refused",reason="spent"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

func TestChecksWhileTheStoreIsAway(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	redis.Freeze()
	form := []string{"Authorization", "Bearer " + watchKey, "Content-Type", "application/x-www-form-urlencoded"}
	for rule, a := range map[string]answer{
		"consume":    p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q,"attempt":"a"}`, got.Ticket)),
		"introspect": exchange(t, http.MethodPost, "http://"+p.internal+"/introspect", "token="+got.Ticket, form...),
	} {
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "active") {
			t.Errorf("%s = %d %s, want 503 with Retry-After and no verdict", rule, a.status, a.body)
		}
	}
	if a := p.asNginx(t, got.Ticket, "r-1"); a.status != http.StatusForbidden || a.header.Get("X-Wsticket-Error") != "unavailable" {
		t.Errorf("nginx = %d %v, want 403 unavailable", a.status, a.header)
	}
	redis.Thaw()
	fresh := issue(t, p.public, idp.bearer(t, "alice"))
	if a := p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q}`, fresh.Ticket)); !strings.HasPrefix(a.body, `{"active":true`) {
		t.Errorf("after it = %d %s, want it active", a.status, a.body)
	}
}

func TestIntrospectLeavesTheTicketAlone(t *testing.T) {
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	form := []string{"Authorization", "Bearer " + watchKey, "Content-Type", "application/x-www-form-urlencoded"}
	look := func() answer {
		return exchange(t, http.MethodPost, "http://"+p.internal+"/introspect", "token="+got.Ticket, form...)
	}
	for range 2 {
		if a := look(); !strings.HasPrefix(a.body, `{"active":true,"consumed":false,`) {
			t.Errorf("introspect = %d %s, want it active and not consumed", a.status, a.body)
		}
	}
	if a := p.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q}`, got.Ticket)); !strings.HasPrefix(a.body, `{"active":true`) {
		t.Errorf("consume after it = %s, want it active", a.body)
	}
	if a := look(); a.body != `{"active":false,"consumed":false}` {
		t.Errorf("introspect after it = %s, want it not active", a.body)
	}
}

// TestSameHandlerWithARemoteService: ws.Handler in another program, which
// knows neither the store nor its keys.
func TestSameHandlerWithARemoteService(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, redis.URL()))
	bearer := idp.bearer(t, "alice")
	url := remoteHandler(t, p, chatKey)
	for rule, present := range map[string]func(issued) (string, *websocket.DialOptions){
		"query": func(got issued) (string, *websocket.DialOptions) { return url + "?ticket=" + got.Ticket, nil },
		"subprotocol": func(got issued) (string, *websocket.DialOptions) {
			return url, &websocket.DialOptions{Subprotocols: got.Protocols}
		},
		"header": func(got issued) (string, *websocket.DialOptions) {
			return url, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Ticket " + got.Ticket}}}
		},
	} {
		got := issue(t, p.public, bearer)
		target, options := present(got)
		conn, hello, _ := dial(t, target, options)
		if hello.UserID != "alice" || hello.ConnectionID != got.TicketID {
			t.Errorf("%s: greeted as %+v, want alice on %s", rule, hello, got.TicketID)
		}
		echoes(t, conn)
		if _, _, res := dial(t, target, options); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: the same ticket again = %d, want 401", rule, res.StatusCode)
		}
	}
	got := issue(t, p.public, bearer)
	if _, _, res := dial(t, remoteHandler(t, p, "wrong")+"?ticket="+got.Ticket, nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with a wrong key = %d, want 503", res.StatusCode)
	}
	redis.Freeze()
	if _, _, res := dial(t, url+"?ticket="+got.Ticket, nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without the store = %d, want 503", res.StatusCode)
	}
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
	handler, err := ws.New(ws.Options{Redeemer: redeemer, Endpoint: ws.Echo, AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/ws"
}

func TestKeysOnThePublicListenerAreNothing(t *testing.T) {
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"))
	got := issue(t, p.public, idp.bearer(t, "alice"))
	body := fmt.Sprintf(`{"ticket":%q}`, got.Ticket)
	for _, path := range []string{"/consume", "//consume", "/ws/../consume", "/%63onsume", "/consume/", "/introspect", "/auth/nginx", "/auth/envoy/ws"} {
		if a := send(t, http.MethodPost, "http://"+p.public+path, chatKey, body); a.status != http.StatusNotFound {
			t.Errorf("public %s = %d, want 404", path, a.status)
		}
	}
	for _, target := range []string{"/consume?key=" + chatKey, "/consume?x=" + chatKey, "/introspect?access_token=" + chatKey} {
		a := send(t, http.MethodPost, "http://"+p.internal+target, chatKey, body)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, `"credential_in_url"`) || strings.Contains(a.body, chatKey) {
			t.Errorf("a key in the URL = %d %s, want 400 credential_in_url", a.status, a.body)
		}
	}
	metrics := exchange(t, http.MethodGet, "http://"+p.internal+"/metrics", "").body
	if want := `reason="credential_in_url",route="/consume",status="400"} 2`; !strings.Contains(metrics, want) {
		t.Errorf("metrics have no %s", want)
	}
	if a := p.consume(t, chatKey, body); !strings.HasPrefix(a.body, `{"active":true`) {
		t.Errorf("after all of it = %s, want the ticket to be good still", a.body)
	}
}

// TestGuesses: whoever guesses keys is told to wait, as configured.
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
