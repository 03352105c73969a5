package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// refusesToStart runs serve, which has to end with an error that says want.
func refusesToStart(t *testing.T, want string, args ...string) {
	t.Helper()
	_, _, err := runIn(t, nil, append([]string{"serve"}, args...)...)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("serve = %v, want it to say %q", err, want)
	}
}

func TestServeRefusesARedisThatEvicts(t *testing.T) {
	redis := testenv.Redis(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	idp := newProvider(t)
	file := idp.config(t, redis.URL())
	refusesToStart(t, "got allkeys-lru, want noeviction", "--config", file)
	p := start(t, "serve", "--config", file, "--set", "store.insecure_allow_eviction=true")
	p.stderr.waitFor(t, "insecure_allow_eviction is on")
	issue(t, p.public, idp.bearer(t, "alice"))
}

// TestInsecureKeysAreLoud is the other switch that weakens something. Off, which
// it is unless somebody says otherwise, such a URL is a fault.
func TestInsecureKeysAreLoud(t *testing.T) {
	config := func(insecure string) string {
		return writeFile(t, "wsticket.yaml", `
public:   {listen: "127.0.0.1:0"}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], jwks_url: "http://127.0.0.1:1/keys"`+insecure+`}]
`)
	}
	if _, _, err := runIn(t, nil, "check-config", "--config", config("")); err == nil || !strings.Contains(err.Error(), "issuers[0].jwks_url: must be an https URL") {
		t.Errorf("check-config = %v, want it to refuse http", err)
	}
	p := start(t, "serve", "--config", config(", insecure_allow_private_network: true"))
	p.stderr.waitFor(t, `"level":"WARN","msg":"insecure_allow_private_network is on`)
	p.stderr.waitFor(t, `"issuer":"https://id.example.com"`)
}

func TestServeSaysWhatAHiddenIdentityCosts(t *testing.T) {
	redis := testenv.Redis(t, "--user", "blind", "on", ">password", "~*", "+@all", "-info")
	idp := newProvider(t)
	file := idp.config(t, "redis://blind:password@"+redis.Addr())
	// Without INFO nobody can tell whether this Redis evicts, either.
	const evict = "store.insecure_allow_eviction=true"
	refusesToStart(t, "store.fence is require", "--config", file, "--set", evict, "--set", "store.fence=require")
	p := start(t, "serve", "--config", file, "--set", evict)
	p.stderr.waitFor(t, "weaker single use")
	dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
}

// handshake sends one by hand, so that its key is known, and returns the
// status.
func handshake(t *testing.T, host, ticket, key string) int {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "GET /ws?ticket=%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", ticket, host, key)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestARepeatedHandshakeIsNoReplay(t *testing.T) {
	const first, second = "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="
	redis := testenv.Redis(t)
	idp := newProvider(t)
	for rule, row := range map[string]struct {
		window string
		again  int
	}{
		"within the window the same handshake gets the same answer": {"10s", http.StatusSwitchingProtocols},
		"without a window it is a replay":                           {"0s", http.StatusUnauthorized},
	} {
		t.Run(rule, func(t *testing.T) {
			p := start(t, "serve", "--config", idp.config(t, redis.URL()), "--set", "ticket.retry_window="+row.window)
			got := issue(t, p.public, idp.bearer(t, "alice"))
			for n, step := range []struct {
				key  string
				want int
			}{{first, http.StatusSwitchingProtocols}, {first, row.again}, {second, http.StatusUnauthorized}} {
				if status := handshake(t, p.public, got.Ticket, step.key); status != step.want {
					t.Errorf("handshake %d = %d, want %d", n+1, status, step.want)
				}
			}
			p.stderr.waitFor(t, `"msg":"replay"`)
			if log := p.stderr.String(); !strings.Contains(log, `"spent_by_attempt":"`) || !strings.Contains(log, `"ticket_id":"`+got.TicketID+`"`) {
				t.Errorf("the replay is not reported with who spent the ticket:\n%s", log)
			}
		})
	}
}

func TestRestartedRedisVoidsOpenTickets(t *testing.T) {
	redis := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, redis.URL()))
	bearer := idp.bearer(t, "alice")
	open := issue(t, p.public, bearer)
	redis.Restart()
	if _, _, res := dial(t, open.URL, nil); res == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a ticket from before the restart is answered with %v, want 401", res)
	}
	if _, hello, _ := dial(t, issue(t, p.public, bearer).URL, nil); hello.UserID != "alice" {
		t.Errorf("a new ticket greets %+v", hello)
	}
}
