package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/test"
)

const webhookSecret = "canary-webhook-secret-0123456789abcdef"

// hookReceiver keeps what a webhook has sent.
type hookReceiver struct {
	*httptest.Server

	mu     sync.Mutex
	bodies string // one per line
	wrong  string // the header of a request that is not signed
	events []map[string]any
}

// newHookReceiver starts one. settings are those of the service.
func newHookReceiver(t testing.TB, kinds string) (r *hookReceiver, settings []string) {
	t.Helper()
	r = &hookReceiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r, []string{
		"--set", "webhook.url=" + r.URL, "--set", "webhook.insecure_allow_private_network=true",
		"--set", "webhook.secret_file=" + test.WriteFile(t, "webhook.key", webhookSecret+"\n"), "--set", "webhook.events=" + kinds,
	}
}

var signed = regexp.MustCompile(`^t=([0-9]+),v1=([0-9a-f]{64})$`)

func (r *hookReceiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var batch struct{ Events []map[string]any }
	_ = json.Unmarshal(body, &batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	header := req.Header.Get("Wsticket-Signature")
	parts := signed.FindStringSubmatch(header)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	if parts != nil {
		_, _ = mac.Write([]byte(parts[1] + "." + string(body)))
	}
	if parts == nil || hex.EncodeToString(mac.Sum(nil)) != parts[2] {
		r.wrong = header + " of " + string(body)
	}
	r.bodies += string(body) + "\n"
	r.events = append(r.events, batch.Events...)
}

// sent returns all bodies.
func (r *hookReceiver) sent() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies
}

// await waits for an event of a kind and returns it.
func (r *hookReceiver) await(t testing.TB, kind string) (found map[string]any) {
	t.Helper()
	test.Wait(t, "the event "+kind, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e["kind"] == kind {
				found = e
			}
		}
		return found != nil
	})
	return found
}

// TestWebhook: a replay, a revocation and the end of a connection, as a receiver
// gets them. The end of the service loses none.
func TestWebhook(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.withOperator(t, "memory:")
	hook, settings := newHookReceiver(t, "replay, tripwire, revoke, disconnect")
	p := start(t, append([]string{"serve", "--config", config}, settings...)...)
	ticket := issue(t, p.public, idp.bearer(t, "alice"))
	dial(t, ticket.URL, nil)
	dial(t, ticket.URL, nil)
	if e := hook.await(t, "replay"); e["ticket_id"] != ticket.TicketID || e["reason"] != "spent" || e["client_ip"] != "127.0.0.1" {
		t.Errorf("got the replay %v", e)
	}
	e := hook.await(t, "tripwire")
	if details, _ := e["details"].(map[string]any); e["outcome"] != "reported" || details["first_client_ip"] != "127.0.0.1" || details["first_request_id"] == e["request_id"] {
		t.Errorf("got the tripwire %v", e)
	}
	if _, _, err := runIn(t, []string{"WSTICKET_KEY_FILE=" + key}, "revoke", "--url", "http://"+p.internal, "--sub", "bob", "--reason", "disabled"); err != nil {
		t.Fatal(err)
	}
	e = hook.await(t, "revoke")
	if r, _ := e["revocation"].(map[string]any); e["caller"] != "key:ops" || r["sub"] != "bob" || r["action"] != "end" || r["reason"] != "disabled" || r["ticket_id"] != nil {
		t.Errorf("got the revocation %v", e)
	}
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	e = hook.await(t, "disconnect")
	if closed, _ := e["closed"].(map[string]any); e["sub"] != "alice" || e["ticket_id"] != ticket.TicketID || closed["code"] != 1001.0 || closed["by"] != "relay" {
		t.Errorf("got the end of the connection %v", e)
	}
	if hook.wrong != "" {
		t.Errorf("not signed: %s", hook.wrong)
	}
}

// TestWebhookIsCounted: a receiver that is away loses events, which are counted, and
// nobody waits.
func TestWebhookIsCounted(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	hook, settings := newHookReceiver(t, "issue")
	p := start(t, append([]string{"serve", "--config", idp.config(t, "memory:")}, settings...)...)
	bearer := idp.bearer(t, "alice")
	issue(t, p.public, bearer)
	hook.await(t, "issue")
	counted := func(series string) func() bool {
		return func() bool {
			return strings.Contains(send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body, series+"\n")
		}
	}
	test.Wait(t, "the count", counted(`wsticket_webhook_events_total{outcome="sent"} 1`))
	hook.Close()
	issue(t, p.public, bearer)
	p.stderr.WaitFor(t, "the webhook does not take events", "connection refused")
	if !counted(`wsticket_webhook_events_total{outcome="dropped"} 0`)() {
		t.Error("dropped after one attempt")
	}
}
