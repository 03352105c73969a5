package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/internal/test"
)

const pageOrigin = "https://app.example.com"

// askAsPage sends a request of a page on an allowed origin, with cookies.
func askAsPage(t testing.TB, method, url, cookies string) answer {
	t.Helper()
	return exchange(t, method, url, "", "Origin", pageOrigin, "Cookie", cookies, "Content-Type", "application/json")
}

// TestTicketsBySession runs a whole process, with an application that has
// sessions of its own.
func TestTicketsBySession(t *testing.T) {
	var away atomic.Bool
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch cookie := r.Header.Get("Cookie"); {
		case away.Load():
			w.WriteHeader(http.StatusBadGateway)
		case cookie == "__Host-session=alices", // and whatever else the application makes of its cookies
			cookie == "__Host-session=other; __Host-session=alices", cookie == `__Host-session.0="ali"; __Host-session.1="ces"`:
			_, _ = io.WriteString(w, `{"sub":"alice","sid":"s-1","claims":{"groups":["a"]}}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer app.Close()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"),
		"--set", "session.cookie=__Host-session", "--set", "session.lookup_url="+app.URL+"/session", "--set", issuerHeader)
	tickets := "http://" + p.public + "/ws-ticket"

	a := askAsPage(t, http.MethodPost, tickets, "__Host-session=alices")
	if a.status != http.StatusCreated || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Fatalf("a ticket by session = %d %s", a.status, a.body)
	}
	var got struct {
		issued
		ConnectionExpiresAt time.Time `json:"connection_expires_at"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.ConnectionExpiresAt); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("the connection may last %s, want a day", left)
	}
	for _, cookies := range []string{
		"__Host-session=other; theme=dark; __Host-session=alices", `__Host-session.0="ali"; theme=dark; __Host-session.1="ces"`,
	} {
		if a := askAsPage(t, http.MethodPost, tickets, cookies); a.status != http.StatusCreated {
			t.Errorf("%s: %d %s, want what the application says", cookies, a.status, a.body)
		}
	}
	if a := askAsPage(t, http.MethodPost, tickets, "__Host-session=mallorys"); a.status != http.StatusUnauthorized {
		t.Errorf("an unknown session = %d %s, want 401", a.status, a.body)
	}
	if a := send(t, http.MethodPost, tickets, idp.bearer(t, "bob"), ""); a.status != http.StatusCreated {
		t.Errorf("a bearer beside it = %d %s, want 201", a.status, a.body)
	}
	away.Store(true)
	if a := askAsPage(t, http.MethodPost, tickets, "__Host-session=carols"); a.status != http.StatusServiceUnavailable {
		t.Errorf("the application is away: got %d %s, want 503", a.status, a.body)
	}
	p.hasMetrics(
		t, "wsticket_session_cache_hits_total ", "wsticket_session_cache_misses_total ", "wsticket_session_cache_entries ",
		`reason="session_refused"`, `reason="session_status"`,
	)
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// An application that vouches for its sessions has no bearers, and need not
// configure who signs them.
func TestTicketsBySessionAlone(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"sub":"alice"}`)
	}))
	defer app.Close()
	p := start(t, "serve", "--public", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--set", "origins="+pageOrigin,
		"--set", "session.cookie=sid", "--set", "session.lookup_url="+app.URL, "--set", issuerHeader)
	tickets := "http://" + p.public + "/ws-ticket"
	if a := askAsPage(t, http.MethodPost, tickets, "sid=1"); a.status != http.StatusCreated {
		t.Errorf("a ticket by session = %d %s, want 201", a.status, a.body)
	}
	if a := send(t, http.MethodPost, tickets, newProvider(t).bearer(t, "bob"), ""); a.status != http.StatusUnauthorized {
		t.Errorf("a bearer of nobody = %d %s, want 401", a.status, a.body)
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/readyz", "", ""); a.status != http.StatusOK {
		t.Errorf("readyz = %d %s, want 200", a.status, a.body)
	}
}

// TestKeySetIsServed: the keys of the file, the first of which signs.
func TestKeySetIsServed(t *testing.T) {
	idp := newProvider(t)
	keys := test.WriteFile(t, "assertion.pem", privateKeyPEM(t, newEd25519(t))+privateKeyPEM(t, newP256(t)))
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "public.url=http://127.0.0.1",
		"--set", "identity.assertion_key_file="+keys, "--set", "identity.assertion_audience=chat")
	a := send(t, http.MethodGet, "http://"+p.public+"/.well-known/jwks.json", "", "")
	var set struct {
		Keys []struct{ Kid, Alg, D string }
	}
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("the key set = %d %s, %v", a.status, a.body, err)
	}
	if set.Keys[0].Alg != jwt.SigningMethodEdDSA.Alg() || set.Keys[1].Alg != jwt.SigningMethodES256.Alg() || set.Keys[0].D+set.Keys[1].D != "" {
		t.Errorf("the key set = %s", a.body)
	}
}

// TestNoSessionOrKeyInAnyOutput searches the output for the secrets of sessions
// and assertions: values of good and bad cookies, the application's answers,
// and private keys. The application answers in every possible way.
func TestNoSessionOrKeyInAnyOutput(t *testing.T) {
	const good, bad = "canary-c00kie-0f-alice", "canary-c00kie-0f-mallory"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, value, _ := strings.Cut(r.Header.Get("Cookie"), "=")
		switch {
		case value == good:
			_, _ = io.WriteString(w, `{"sub":"alice","claims":{"email":"canary-email"}}`)
		case strings.HasSuffix(value, "-page"):
			_, _ = io.WriteString(w, "<p>"+value)
		case strings.HasSuffix(value, "-moved"):
			http.Redirect(w, r, "/"+value, http.StatusFound)
		case strings.HasSuffix(value, "-gone"):
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer app.Close()
	ed, p256 := newEd25519(t), newP256(t)
	keys := privateKeyPEM(t, ed) + privateKeyPEM(t, p256)
	idp := newProvider(t)
	config := []string{
		"--config", idp.config(t, "memory:"), "--set", "session.cookie=sid", "--set", "session.lookup_url=" + app.URL, "--set", issuerHeader, "--set", "log.level=debug",
		"--set", "identity.assertion_key_file=" + test.WriteFile(t, "assertion.pem", keys), "--set", "identity.assertion_audience=chat", "--set", "public.url=http://127.0.0.1",
	}
	p := start(t, append([]string{"serve"}, config...)...)
	var answers strings.Builder
	ask := func(method, target, cookies string) {
		a := askAsPage(t, method, "http://"+p.public+target, cookies)
		answers.WriteString(a.body)
		for name, values := range a.header {
			answers.WriteString(name + strings.Join(values, ","))
		}
	}
	for _, cookies := range []string{
		"sid=" + good, "sid=" + bad, "sid=" + bad + "-page", "sid=" + bad + "-moved", "sid=" + bad + "-gone",
		"sid=" + good + "; sid=" + bad, "sid=\"" + bad + "\"", "sid=" + bad + "," + good, "other=" + bad,
	} {
		for _, target := range []string{"/ws-ticket", "/ws-ticket/4B8xiXBODIlsV0VSjvtzly", "/ws-ticket?sid=" + bad, "/ws", "/.well-known/jwks.json"} {
			ask(http.MethodPost, target, cookies)
			ask(http.MethodGet, target, cookies)
		}
	}
	metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
	_ = p.stop(t)
	checked, checkedErrs, err := runIn(t, nil, append([]string{"check-config"}, config...)...)
	if err != nil {
		t.Errorf("check-config: %v", err)
	}
	written := map[string]string{
		"an answer": answers.String(), "the metrics": metrics, "standard output": p.stdout.String(), "the log": p.stderr.String(),
		"what check-config says": checked + checkedErrs,
	}
	if !strings.Contains(p.stderr.String(), `"outcome":"issued"`) || !strings.Contains(p.stderr.String(), "session_content") {
		t.Error("the log has neither a ticket nor a refusal in it: the search would prove nothing")
	}
	secrets := map[string]string{"a session": "canary-c00kie", "what the application said": "canary-email"}
	for _, line := range strings.Split(keys, "\n") {
		if !strings.HasPrefix(line, "-----") && line != "" {
			secrets["the key line "+line[:8]] = line
		}
	}
	noneIn(t, secrets, written)
}

func mustRead(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
