package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// probe returns the status of a probe.
func probe(t *testing.T, addr, path string) int {
	t.Helper()
	return send(t, http.MethodGet, "http://"+addr+path, "", "").status
}

// TestStartup: the keys of one issuer have to come once. What happens to them
// later takes no process out of service.
func TestStartup(t *testing.T) {
	t.Parallel()
	var there atomic.Bool
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !there.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	}))
	t.Cleanup(keys.Close)
	file := test.WriteFile(t, "wsticket.yaml", `
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
health:   {listen: "127.0.0.1:0"}
issuers:
  - {issuer: "https://id.example.com", audience: [ws], algorithms: [EdDSA], jwks_url: "`+keys.URL+`", insecure_allow_private_network: true}
`)
	p := start(t, "serve", "--config", file)
	p.stderr.WaitFor(t, `"msg":"serving"`, `"health":"`+p.health+`"`)
	for path, want := range map[string]int{"/livez": 200, "/startupz": 503, "/readyz": 503} {
		if got := probe(t, p.health, path); got != want {
			t.Errorf("%s without keys = %d, want %d", path, got, want)
		}
	}
	there.Store(true)
	test.Wait(t, "it has started", func() bool { return probe(t, p.health, "/startupz") == 200 })
	if got := probe(t, p.internal, "/readyz"); got != 200 {
		t.Errorf("/readyz with keys = %d, want 200", got)
	}
}

// TestReadyRequires: who wants readiness to depend on the store gets it.
func TestReadyRequires(t *testing.T) {
	redis := testenv.Redis(t)
	p := start(t, "serve", "--config", newProvider(t).config(t, redis.URL()), "--set", "health.ready_requires=store,keys")
	if got := probe(t, p.internal, "/readyz"); got != 200 {
		t.Errorf("/readyz = %d, want 200", got)
	}
	redis.Freeze()
	a := send(t, http.MethodGet, "http://"+p.internal+"/readyz", "", "")
	if a.status != 503 || !strings.Contains(a.body, `"detail":"health.ready_requires: store"`) {
		t.Errorf("/readyz while Redis is frozen = %d %s, want 503 and what is missing", a.status, a.body)
	}
	if got := probe(t, p.internal, "/startupz"); got != 200 {
		t.Errorf("/startupz while Redis is frozen = %d, want 200", got)
	}
	redis.Thaw()
}

// TestDrainIsVisible: while the service stops, probes see it.
func TestDrainIsVisible(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "health.listen=127.0.0.1:0", "--set", "ws.drain_window=10m")
	// The second connection stays for half the window.
	bearer := idp.bearer(t, "alice")
	first, _, _ := dial(t, issue(t, p.public, bearer).URL, nil)
	second, _, _ := dial(t, issue(t, p.public, bearer).URL, nil)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	test.Wait(t, "readiness fails", func() bool { return probe(t, p.health, "/readyz") == 503 })
	if a := send(t, http.MethodGet, "http://"+p.health+"/readyz", "", ""); !strings.Contains(a.body, `"detail":"draining"`) {
		t.Errorf("/readyz = %d %s, want draining", a.status, a.body)
	}
	if got := probe(t, p.health, "/livez"); got != 200 {
		t.Errorf("/livez while it stops = %d, want 200", got)
	}
	_, _ = first.CloseNow(), second.CloseNow()
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v, want exit status 0\n%s", err, p.stderr)
	}
}

// TestDelayOfADrain: from the beginning of the delay probes see that the service leaves.
// Balancers do not yet, so that handshakes are still accepted. An application that goes
// away in that time stops as well: its clients get 1001 as if we had closed.
func TestDelayOfADrain(t *testing.T) {
	t.Parallel()
	vanish := make(chan struct{})
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte("{}"))
		select {
		case <-vanish:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(application.Close)
	idp := newProvider(t)
	config, key := idp.operated(t)
	p := start(t, "serve", "--config", config, "--set", "health.listen=127.0.0.1:0", "--set", "ws.upstream="+application.URL)
	before, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
	drained := make(chan error, 1)
	go func() {
		_, _, err := runIn(t, nil, "drain", "--url", "http://"+p.internal, "--key-file", key, "--delay", "10m")
		drained <- err
	}()
	for name, addr := range map[string]string{"health": p.health, "internal": p.internal} {
		test.Wait(t, "readiness fails at "+name, func() bool { return probe(t, addr, "/readyz") == 503 })
		if live, started := probe(t, addr, "/livez"), probe(t, addr, "/startupz"); live != 200 || started != 200 {
			t.Errorf("%s: /livez = %d and /startupz = %d in the delay, want 200", name, live, started)
		}
	}
	late, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "bob")).URL, nil)
	if late == nil {
		t.Fatal("a handshake in the delay is refused")
	}
	close(vanish)
	for name, conn := range map[string]*websocket.Conn{"before": before, "in the delay": late} {
		if code := codeOf(t, conn); code != websocket.StatusGoingAway {
			t.Errorf("connected %s: closed with %d, want 1001", name, code)
		}
	}
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v, want exit status 0\n%s", err, p.stderr)
	}
	if err := <-drained; err != nil {
		t.Errorf("drain = %v, want that it was done", err)
	}
}

// TestNoHealthListener: the start line does not name what is not there.
func TestNoHealthListener(t *testing.T) {
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"))
	if strings.Contains(p.stdout.String(), "health") {
		t.Errorf("start line %s, want no health in it", p.stdout)
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, _, err = runIn(t, nil, "serve", "--config", newProvider(t).config(t, "memory:"), "--set", "health.listen="+taken.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "health.listen: ") {
		t.Errorf("serve on a taken address = %v, want a fault of health.listen", err)
	}
}
