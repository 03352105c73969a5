//go:build e2e

package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/testenv"
)

// TestBrowserClient runs the cases of e2e/browser/client: pages that use the client, in a
// Chromium whose tabs are hidden, frozen and cached as those of a user are. Then it
// searches what the browser has stored, and the logs.
func TestBrowserClient(t *testing.T) {
	files, err := filepath.Glob("browser/client/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	s := newClientScenery(t, bundle(t, "browser/client/page.js"))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			w := s.world
			w.Chromium, w.Profile, w.Report = chromium, scratchDir(t), filepath.Join(t.TempDir(), "report.json")
			s.stand.obey(func() { runCases(t, node, file, w) })
			secrets := readSecrets(t, w.Report)
			s.secrets = append(s.secrets, secrets...)
			wantProfileClean(t, w.Profile, secrets)
		})
	}
	s.servers = s.stand.servers
	s.wantLogsClean(t)
}

// clientPackages is the folder of the client.
const clientPackages = "../client"

// bundle makes one file of a script and what it imports, and returns its name.
func bundle(t *testing.T, script string) string {
	t.Helper()
	node, file := testenv.NeedNode(t, clientPackages), filepath.Join(t.TempDir(), "page.js")
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(clientPackages, "node_modules/esbuild/bin/esbuild"),
		script, "--bundle", "--format=iife", "--outfile="+file)
	cmd.Env, cmd.SysProcAttr = []string{}, attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	return file
}

// clientScenery has an application whose pages use the client, and a wsticket that the
// cases may stop and start.
type clientScenery struct {
	scenery

	stand *stand
}

func newClientScenery(t *testing.T, script string) *clientScenery {
	t.Helper()
	idp, certificates := newIssuer(t), testenv.TLS(t, "*.example.test", "*.other.test")
	app := newApplication(t, certificates, idp, script)
	app.policy = "default-src 'none'; script-src 'self'; connect-src 'self' https: wss:; img-src data:; require-trusted-types-for 'script'"
	public, internal, key := testenv.FreeAddr(t), testenv.FreeAddr(t), rand.Text()
	digest := sha256.Sum256([]byte(key))
	config := idp.config(t, "memory:")
	s := &clientScenery{stand: &stand{orders: make(chan func())}}
	s.stand.gateway = func() *httptest.Server { return newGateway(t, public, certificates) }
	s.stand.start = func() server {
		return serve(t, config,
			"public.listen="+public, "internal.listen="+internal, "public.hosts=api.example.test",
			"public.tls.cert_file="+certificates.ServerCertFile, "public.tls.key_file="+certificates.ServerKeyFile,
			fmt.Sprintf("origins=https://app.example.test:%[1]s, https://app.other.test:%[1]s", app.port),
			"ws.doors=query, subprotocol, first_message", "ws.drain_window=1s", "session.cookie="+cookieName, "session.jwt=true",
			fmt.Sprintf("internal.api_keys=[{name: ops, sha256: %q, scopes: [read, revoke]}]", hex.EncodeToString(digest[:])),
		)
	}
	s.stand.do("start")
	control := httptest.NewServer(s.stand)
	t.Cleanup(control.Close)
	s.world = world{
		Key: keyHash(t, certificates.ServerCertFile), Pages: app.port, Real: true,
		API: "https://api.example.test:" + portOf(public), Internal: internal, OpsKey: key, Issuer: idp.name,
		Control: control.URL,
	}
	return s
}

// newGateway listens in the place of a wsticket that is away, as a proxy does.
func newGateway(t *testing.T, addr string, certificates testenv.Certificates) *httptest.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	_ = gateway.Listener.Close()
	gateway.Listener, gateway.TLS = listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	return gateway
}

// stand is a wsticket that cases stop and start over HTTP.
type stand struct {
	start   func() server
	gateway func() *httptest.Server
	orders  chan func() // for the goroutine of the test, which alone may fail it

	mu      sync.Mutex
	servers []server         // the last one runs, or has been stopped last
	away    *httptest.Server // answers in its place
}

// obey carries out the orders that come while cases run.
func (s *stand) obey(cases func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		cases()
	}()
	for {
		select {
		case order := <-s.orders:
			order()
		case <-done:
			return
		}
	}
}

// ServeHTTP does what the path says, and answers when it is done.
func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	order := strings.TrimPrefix(r.URL.Path, "/")
	if order == "log" {
		_, _ = w.Write([]byte(s.log()))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	select {
	case s.orders <- func() { s.do(order); cancel() }:
		<-ctx.Done()
		w.WriteHeader(http.StatusNoContent)
	case <-ctx.Done(): // nobody waits
	}
}

func (s *stand) do(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.servers) - 1
	switch order {
	case "start":
		if s.away != nil {
			s.away.Close()
			s.away = nil
		}
		s.servers = append(s.servers, s.start())
	case "gateway":
		s.away = s.gateway()
	case "stop": // it drains
		_ = s.servers[last].cmd.Process.Signal(os.Interrupt)
		<-s.servers[last].ended
	case "kill":
		_ = s.servers[last].cmd.Process.Kill()
		<-s.servers[last].ended
	}
}

// log returns what all processes have logged.
func (s *stand) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all strings.Builder
	for _, server := range s.servers {
		all.WriteString(server.log.String())
	}
	return all.String()
}
