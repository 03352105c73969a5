package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// provider is an identity provider that shares no code with us: openssl
// makes its key and its signatures.
type provider struct{ private, public, seal string }

func newProvider(t testing.TB) provider {
	t.Helper()
	testenv.Need(t, "openssl")
	dir := t.TempDir()
	p := provider{filepath.Join(dir, "issuer.pem"), filepath.Join(dir, "issuer.pub.pem"), filepath.Join(dir, "seal.keys")}
	openssl(t, nil, "rand", "-base64", "-out", p.seal, "32")
	if err := os.Chmod(p.seal, 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, nil, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", p.private)
	openssl(t, nil, "pkey", "-in", p.private, "-pubout", "-out", p.public)
	return p
}

func openssl(t testing.TB, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v", args[0], err)
	}
	return out
}

// bearer signs an RS256 access token for the subject.
func (p provider) bearer(t testing.TB, sub string) string {
	t.Helper()
	return p.bearerAt(t, sub, time.Now())
}

// bearerAt is bearer for one that was issued at a time.
func (p provider) bearerAt(t testing.TB, sub string, at time.Time) string {
	t.Helper()
	now := at.Unix()
	return p.sign(t, "at+jwt", fmt.Sprintf(`{"iss":"https://id.example.com","aud":"ws","sub":%q,"iat":%d,"exp":%d,"scope":"chat"}`, sub, now, now+3600))
}

// sign signs a token of that type, with RS256.
func (p provider) sign(t testing.TB, typ, claims string) string {
	t.Helper()
	header := fmt.Sprintf(`{"alg":"RS256","typ":%q}`, typ)
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return input + "." + b64(openssl(t, []byte(input), "dgst", "-sha256", "-sign", p.private))
}

// patientStore is what provider.config adds to the URL of a Redis: on a busy machine
// it may take longer to answer than the default time-out. A test of that has another
// one in its URL.
const patientStore = "?timeout=4s"

// config is a file as an operator would write it.
func (p provider) config(t testing.TB, storeURL string) string {
	t.Helper()
	if strings.HasPrefix(storeURL, "redis") && !strings.Contains(storeURL, "?timeout=") {
		storeURL += patientStore
	}
	return test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1, localhost]}
internal: {listen: "127.0.0.1:0"}
store:    {url: %q}
ticket:   {seal_key_file: %q}
issuers:
  - {issuer: "https://id.example.com", audience: [ws], algorithms: [RS256], public_key_file: %q}
origins:  ["https://app.example.com"]
limits:   {per_subject: 1000/s, per_address: 1000/s}
`, storeURL, p.seal, p.public))
}

// greeting is what the echo application says first.
type greeting struct {
	Type, UserID, ConnectionID string
}

// dial connects and returns the greeting, or the answer if it was not 101.
func dial(t testing.TB, url string, options *websocket.DialOptions) (*websocket.Conn, greeting, *http.Response) {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), url, options)
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return nil, greeting{}, res
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	_, text, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var hello greeting
	if err := json.Unmarshal(text, &hello); err != nil {
		t.Fatalf("greeting %q: %v", text, err)
	}
	return conn, hello, res
}

// through lists three doors, each with a handshake that presents a ticket.
func through(host string, got issued) map[string]func(testing.TB) (*websocket.Conn, greeting, *http.Response) {
	type result = func(testing.TB) (*websocket.Conn, greeting, *http.Response)
	return map[string]result{
		"query": func(t testing.TB) (*websocket.Conn, greeting, *http.Response) { return dial(t, got.URL, nil) },
		"subprotocol": func(t testing.TB) (*websocket.Conn, greeting, *http.Response) {
			return dial(t, "ws://"+host+"/ws", &websocket.DialOptions{Subprotocols: got.Protocols})
		},
		"header": func(t testing.TB) (*websocket.Conn, greeting, *http.Response) {
			return dial(t, "ws://"+host+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Ticket " + got.Ticket}}})
		},
	}
}

func TestServeOnRedisWithAForeignSigner(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, redis.URL()))
	bearer := idp.bearer(t, "alice")
	for _, door := range []string{"query", "subprotocol", "header"} {
		t.Run(door, func(t *testing.T) {
			got := issue(t, p.public, bearer)
			conn, hello, _ := through(p.public, got)[door](t)
			if hello.UserID != "alice" || hello.ConnectionID != got.TicketID {
				t.Errorf("greeted as %+v, want alice on %s", hello, got.TicketID)
			}
			echoes(t, conn)
			_, _, refused := through(p.public, got)[door](t)
			if refused.StatusCode != http.StatusUnauthorized {
				t.Errorf("the same ticket again = %d, want 401", refused.StatusCode)
			}
			receipt := send(t, http.MethodGet, "http://"+p.public+"/ws-ticket/"+got.TicketID, bearer, "")
			if receipt.status != http.StatusOK || !strings.Contains(receipt.body, `"state":"redeemed"`) {
				t.Errorf("receipt = %d %s", receipt.status, receipt.body)
			}
		})
	}
	t.Run("bearer in the header", func(t *testing.T) {
		header := http.Header{"Authorization": {"Bearer " + bearer}}
		if _, hello, _ := dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: header}); hello.UserID != "alice" {
			t.Errorf("greeted as %+v, want alice", hello)
		}
	})
}

func echoes(t testing.TB, conn *websocket.Conn) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("ping?")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.Read(t.Context()); err != nil || string(text) != "ping?" {
		t.Errorf("echo = %q, %v", text, err)
	}
}

func TestStoreAwayAtStart(t *testing.T) {
	redis := testenv.Redis(t)
	redis.Kill()
	idp := newProvider(t)
	cmd := command(t.Context(), t, "serve", "--config", idp.config(t, redis.URL()))
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Fatalf("serve = %v, want exit status 1\n%s", err, out)
	}
	if text := strings.TrimSpace(string(out)); strings.Contains(text, "\n") || !strings.HasSuffix(text, "store.url: redis at "+redis.Addr()+": connection refused") {
		t.Errorf("serve says %q, want one line about the store", text)
	}
}

func TestServeWaitsForTheStoreWhereToldTo(t *testing.T) {
	redis := testenv.Redis(t)
	redis.Kill()
	idp := newProvider(t)
	p := launch(t, "serve", "--wait", "15s", "--config", idp.config(t, redis.URL()))
	p.stderr.WaitFor(t, "waiting for it")
	redis.Restart()
	p.await(t)
	issue(t, p.public, idp.bearer(t, "alice"))
}

func TestStoreAwayLater(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, redis.URL()+"?timeout=400ms"))
	bearer := idp.bearer(t, "alice")
	open := issue(t, p.public, bearer)

	redis.Freeze()
	for name, ask := range map[string]func() (int, http.Header){
		"issue": func() (int, http.Header) {
			a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, "")
			return a.status, a.header
		},
		"connect": func() (int, http.Header) { _, _, res := dial(t, open.URL, nil); return res.StatusCode, res.Header },
	} {
		begin := time.Now()
		status, header := ask()
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("%s while Redis is frozen = %d, Retry-After %q, want 503 with one", name, status, header.Get("Retry-After"))
		}
		// Far more than the promise, because this machine may be busy with other
		// tests, and less than the limit of a request.
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/readyz", "", ""); a.status != http.StatusOK {
		t.Errorf("/readyz = %d while Redis is frozen, want 200: it is so for every process", a.status)
	}
	redis.Thaw()
	if got := issue(t, p.public, bearer); got.Ticket == "" {
		t.Error("no ticket after Redis came back")
	}
}

func TestStopClosesWebSocketsAndExitsWithZero(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	conn, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _, err := conn.Read(t.Context())
	if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
		t.Errorf("close status %d (%v), want 1001", got, err)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v, want exit status 0\n%s", err, p.stderr)
	}
}

func TestHealth(t *testing.T) {
	idp := newProvider(t)
	file := idp.config(t, "memory:")
	p := start(t, "serve", "--config", file)
	for _, args := range [][]string{{"--config", file, "--internal", p.internal}, {"--internal", p.internal}} {
		out, _, err := runIn(t, nil, append([]string{"health"}, args...)...)
		if err != nil || out != "ready\n" {
			t.Errorf("health %q = %q, %v", args, out, err)
		}
	}
	_ = p.stop(t)
	if _, _, err := runIn(t, nil, "health", "--config", file, "--internal", p.internal); err == nil {
		t.Error("health of a stopped service is good")
	}
}

func TestPublicListenerHasNothingInternal(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	for _, path := range []string{"/metrics", "/livez", "/startupz", "/readyz", "/openapi.yaml", "//metrics", "/ws/../metrics", "/%6detrics", "/debug/pprof/", "/consume", "/introspect", "/auth/nginx", "/auth/envoy/ws"} {
		if a := send(t, http.MethodGet, "http://"+p.public+path, "", ""); a.status != http.StatusNotFound {
			t.Errorf("public %s = %d, want 404", path, a.status)
		}
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz", "/openapi.yaml"} {
		if a := send(t, http.MethodGet, "http://"+p.internal+path, "", ""); a.status != http.StatusOK {
			t.Errorf("internal %s = %d, want 200", path, a.status)
		}
	}
	if a := send(t, http.MethodPost, "http://"+p.internal+"/ws-ticket", idp.bearer(t, "alice"), ""); a.status != http.StatusNotFound {
		t.Errorf("internal /ws-ticket = %d, want 404", a.status)
	}
}

func TestWebSocketsOverTLS(t *testing.T) {
	idp := newProvider(t)
	certs := testenv.TLS(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"),
		"--set", "public.tls.cert_file="+certs.ServerCertFile, "--set", "public.tls.key_file="+certs.ServerKeyFile)
	transport := &http.Transport{TLSClientConfig: trusting(t, certs), DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: patience}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.public+"/ws-ticket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+idp.bearer(t, "alice"))
	a := do(t, client, req)
	var got issued
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || !strings.HasPrefix(got.URL, "wss://") {
		t.Fatalf("url = %q, %v, want wss://", got.URL, err)
	}
	if _, hello, _ := dial(t, got.URL, &websocket.DialOptions{HTTPClient: client}); hello.UserID != "alice" {
		t.Errorf("greeted as %+v", hello)
	}
	if a.header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security over TLS")
	}
	for _, row := range []struct {
		rule      string
		version   uint16
		protocols []string
		want      string // protocol; "none" for no connection at all
	}{
		{"TLS 1.1", tls.VersionTLS11, nil, "none"},
		{"TLS 1.2", tls.VersionTLS12, []string{"h2", "http/1.1"}, "http/1.1"},
		{"TLS 1.3", tls.VersionTLS13, []string{"h2", "http/1.1"}, "http/1.1"},
		{"nothing but HTTP/2, which has no such handshake", tls.VersionTLS13, []string{"h2"}, "none"},
	} {
		config := trusting(t, certs)
		config.MinVersion, config.MaxVersion, config.NextProtos = row.version, row.version, row.protocols
		if got := negotiated(t, p.public, config); got != row.want {
			t.Errorf("%s: got protocol %q, want %q", row.rule, got, row.want)
		}
	}
}

// negotiated shakes hands and returns the protocol.
func negotiated(t *testing.T, addr string, config *tls.Config) string {
	t.Helper()
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return "none"
	}
	defer func() { _ = conn.Close() }()
	secure, _ := conn.(*tls.Conn)
	return secure.ConnectionState().NegotiatedProtocol
}
