package main

import (
	"bufio"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// sealKey is a new line for ticket.seal_key_file.
func sealKey(t testing.TB) string {
	t.Helper()
	return string(openssl(t, nil, "rand", "-base64", "32"))
}

// TestReloadOfSealKeys: keys are replaced in the steps of docs/reload.md, and nobody
// notices: neither pending tickets and receipts, nor connections, nor what is counted.
func TestReloadOfSealKeys(t *testing.T) {
	for name, url := range map[string]string{"memory": "memory:", "Redis": testenv.Redis(t).URL() + patientStore} {
		t.Run(name, func(t *testing.T) {
			idp := newProvider(t)
			file, keyFile := idp.operated(t)
			edit(t, file, "memory:", url)
			p := startReloaded(t, file, "--set", "limits.tickets_per_subject=1", "--set", "ws.max_connections_per_subject=1")
			bearer := idp.bearer(t, "alice")
			first := issue(t, p.public, bearer)
			open, _, _ := dial(t, first.URL, nil)
			refuses := func(made issued) bool {
				conn, _, err := websocket.Dial(t.Context(), made.URL, nil)
				if err == nil {
					_ = conn.CloseNow()
				}
				return err != nil
			}
			before, after := mustRead(t, idp.seal), sealKey(t)
			for _, keys := range []string{before + after, after + before} {
				made := issue(t, p.public, bearer)
				put(t, idp.seal, keys)
				p.reload(t)
				if a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, ""); a.status != http.StatusTooManyRequests {
					t.Errorf("a second pending ticket = %d, want 429 as before the reload", a.status)
				}
				a := send(t, http.MethodGet, "http://"+p.public+"/ws-ticket/"+made.TicketID, bearer, "")
				if a.status != http.StatusOK || !strings.Contains(a.body, `"pending"`) {
					t.Errorf("the receipt of a ticket of before = %d %s", a.status, a.body)
				}
				echoes(t, open)
				// Its place gets another name a moment later.
				refused := refuses(made)
				test.Wait(t, "the connection counts under the new key", func() bool { return refused || refuses(issue(t, p.public, bearer)) })
			}
			_ = open.CloseNow()
			var last issued
			test.Wait(t, "the place is free", func() bool { last = issue(t, p.public, bearer); return !refuses(last) })
			pending := issue(t, p.public, idp.bearer(t, "bob")) // sealed by the new key alone
			put(t, idp.seal, after)
			p.reload(t)
			conn, hello, _ := dial(t, pending.URL, nil)
			if hello.UserID != "bob" {
				t.Fatalf("greeted as %+v, want bob", hello)
			}
			if out, said, err := runIn(t, nil, "revoke", "--url", "http://"+p.internal, "--key-file", keyFile, "--sub", "bob"); err != nil {
				t.Fatalf("%v: %s%s", err, out, said)
			}
			if code := codeOf(t, conn); code != 4003 {
				t.Errorf("the connection that was revoked ended with %d, want 4003", code)
			}
		})
	}
}

// TestReloadOfSealKeysInTurns: while one process has new keys already, the other one
// takes its tickets, and hears of its revocations and of what its backend consumed.
func TestReloadOfSealKeysInTurns(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	entry := fmt.Sprintf("--set=internal.api_keys=[{name: chat, sha256: %q, scopes: [consume, revoke]}]", digestOf(chatKey))
	a := startReloaded(t, idp.config(t, redis.URL()), entry)
	second := idp
	second.seal = test.WriteFile(t, "seal.keys", mustRead(t, idp.seal))
	b := startReloaded(t, second.config(t, redis.URL()), entry)
	endings := followEndings(t, a.process)

	keys := mustRead(t, idp.seal)
	next := sealKey(t)
	both := func(from, to *reloaded) {
		t.Helper()
		for from, to := range map[*reloaded]*reloaded{from: to, to: from} {
			bearer := idp.bearerAt(t, "alice", time.Now().Add(-2*time.Second))
			conn, hello, _ := dial(t, strings.Replace(issue(t, from.public, bearer).URL, from.public, to.public, 1), nil)
			if hello.UserID != "alice" {
				t.Fatalf("a ticket of the other process: greeted as %+v", hello)
			}
			taken := issue(t, from.public, idp.bearer(t, "bob"))
			if got := to.consume(t, chatKey, fmt.Sprintf(`{"ticket":%q,"origin":"https://app.example.com"}`, taken.Ticket)); !strings.Contains(got.body, `"active":true`) {
				t.Fatalf("consume in the other process = %d %s", got.status, got.body)
			}
			for _, id := range []string{hello.ConnectionID, taken.TicketID} {
				revoked := send(t, http.MethodPost, "http://"+from.internal+"/revocations", chatKey, fmt.Sprintf(`{"ticket_id":%q,"action":"end"}`, id))
				if revoked.status != http.StatusAccepted {
					t.Fatalf("revoke = %d %s", revoked.status, revoked.body)
				}
			}
			if code := codeOf(t, conn); code != 4003 {
				t.Errorf("the connection ended with %d, want 4003", code)
			}
			endings.WaitFor(t, taken.TicketID)
		}
	}
	for _, step := range []string{keys + next, next + keys, next} {
		put(t, idp.seal, step)
		a.reload(t)
		both(a, b)
		put(t, second.seal, step)
		b.reload(t)
		if step == keys+next {
			both(a, b)
			continue
		}
		// A process that starts with the new key alone.
		third := idp
		third.seal = test.WriteFile(t, "seal.keys", next)
		c := startReloaded(t, third.config(t, redis.URL()), entry)
		both(a, c)
		_ = c.stop(t)
	}
}

// followEndings reads GET /endings until the test ends, and comes back with its cursor when
// a reload has ended it.
func followEndings(t *testing.T, p *process) *test.Output {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done, opened := new(test.Output), make(chan struct{}), make(chan struct{})
	cursor := ""
	follow := func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.internal+"/endings", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+chatKey)
		req.Header.Set("Last-Event-ID", cursor)
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			if ctx.Err() == nil {
				t.Errorf("GET /endings: %v, %v", res, err)
			}
			cancel()
			return
		}
		defer func() { _ = res.Body.Close() }()
		if cursor == "" {
			close(opened)
		}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				cursor = id
			}
			_, _ = fmt.Fprintln(out, lines.Text())
		}
	}
	go func() { // ends with ctx
		defer close(done)
		for ctx.Err() == nil {
			follow()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-opened:
	case <-ctx.Done():
		t.FailNow()
	}
	return out
}

// TestReloadOfCertificates: a new handshake has the new certificate, and a WebSocket that
// is open goes on with the old one. A caller whose authority was removed is refused, also
// on a connection that it keeps open.
func TestReloadOfCertificates(t *testing.T) {
	idp, ours, next := newProvider(t), testenv.TLS(t), testenv.TLS(t)
	file := idp.config(t, "memory:")
	edit(t, file, "public:   {", fmt.Sprintf("public:   {tls: {cert_file: %q, key_file: %q}, ", ours.ServerCertFile, ours.ServerKeyFile))
	edit(t, file, "internal: {", fmt.Sprintf("internal: {tls: {cert_file: %q, key_file: %q, client_ca_file: %q}, ", ours.ServerCertFile, ours.ServerKeyFile, ours.CAFile))
	p := startReloaded(t, file)
	issueBy := func(certs testenv.Certificates) (issued, *http.Client, error) {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting(t, certs)}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.public+"/ws-ticket", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+idp.bearer(t, "alice"))
		res, err := client.Do(req)
		if err != nil {
			return issued{}, client, err
		}
		defer func() { _ = res.Body.Close() }()
		var got issued
		return got, client, json.NewDecoder(res.Body).Decode(&got)
	}
	got, client, err := issueBy(ours)
	if err != nil {
		t.Fatal(err)
	}
	open, _, _ := dial(t, got.URL, &websocket.DialOptions{HTTPClient: client})

	pair, err := tls.LoadX509KeyPair(ours.ClientCertFile, ours.ClientKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := trusting(t, ours)
	config.Certificates, config.ClientSessionCache = []tls.Certificate{pair}, tls.NewLRUClientSessionCache(8)
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	metrics := func(rule string, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.internal+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if a := do(t, &http.Client{Timeout: patience, Transport: transport}, req); a.status != want {
			t.Errorf("%s: got %d, want %d", rule, a.status, want)
		}
	}
	metrics("a caller of the authority", http.StatusOK)
	mixed := mustRead(t, next.CAFile) + mustRead(t, ours.CAFile)
	put(t, ours.CAFile+".both", mixed)
	edit(t, file, "client_ca_file: "+fmt.Sprintf("%q", ours.CAFile), "client_ca_file: "+fmt.Sprintf("%q", ours.CAFile+".both"))
	p.reload(t)
	metrics("while there are two authorities", http.StatusOK)

	put(t, ours.CAFile+".both", mustRead(t, next.CAFile))
	edit(t, file, ours.ServerCertFile, next.ServerCertFile) // of the public listener
	edit(t, file, ours.ServerKeyFile, next.ServerKeyFile)
	p.reload(t)
	if _, _, err := issueBy(ours); err == nil {
		t.Error("the old certificate is still there")
	}
	if _, _, err := issueBy(next); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	echoes(t, open)
	metrics("a caller whose authority was removed, on its connection", http.StatusUnauthorized)

	// A certificate without its key is refused.
	put(t, next.ServerKeyFile, mustRead(t, ours.ServerKeyFile))
	hangUp(t, p.process)
	p.stderr.WaitFor(t, "the settings were not reloaded", "public.tls.key_file")
	if _, _, err := issueBy(next); err != nil {
		t.Errorf("with the certificate of before: %v", err)
	}
}

// TestReloadWhileAnIssuerIsAway: the keys that were fetched stay.
func TestReloadWhileAnIssuerIsAway(t *testing.T) {
	idp := newProvider(t)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(idp.keySet(t)) }))
	defer issuer.Close()
	file := idp.config(t, "memory:")
	edit(t, file, fmt.Sprintf("public_key_file: %q", idp.public), fmt.Sprintf("jwks_url: %q, insecure_allow_private_network: true", issuer.URL))
	p := startReloaded(t, file)
	issue(t, p.public, idp.bearer(t, "alice"))
	issuer.Close()
	edit(t, p.file, "https://app.example.com", "https://shop.example.com")
	p.reload(t)
	issue(t, p.public, idp.bearer(t, "bob"))
	if text := p.stderr.String(); strings.Contains(text, "keys cannot be fetched") {
		t.Errorf("the reload has fetched keys:\n%s", text)
	}
}

// keySet is the key of the provider as a JWK set.
func (p provider) keySet(t testing.TB) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(mustRead(t, p.public)))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		t.Fatalf("the key of the provider: %v", err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Appendf(nil, `{"keys":[{"kty":"RSA","kid":"k1","n":%q,"e":%q}]}`, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes()))
}
