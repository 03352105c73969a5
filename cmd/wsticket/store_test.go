package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// refusesToStart runs serve, which has to end with an error that contains want.
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
	p.stderr.WaitFor(t, "insecure_allow_eviction is on")
	issue(t, p.public, idp.bearer(t, "alice"))
}

// TestInsecureKeysAreLoud: the switch insecure_allow_private_network logs a
// warning. Without it, such a URL is a fault.
func TestInsecureKeysAreLoud(t *testing.T) {
	config := func(insecure string) string {
		return test.WriteFile(t, "wsticket.yaml", `
public:   {listen: "127.0.0.1:0"}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], jwks_url: "http://127.0.0.1:1/keys"`+insecure+`}]
`)
	}
	if _, _, err := runIn(t, nil, "check-config", "--config", config("")); err == nil || !strings.Contains(err.Error(), "issuers[0].jwks_url: must be an https URL") {
		t.Errorf("check-config = %v, want it to refuse http", err)
	}
	p := start(t, "serve", "--config", config(", insecure_allow_private_network: true"))
	p.stderr.WaitFor(t, `"level":"WARN","msg":"issuers[0].insecure_allow_private_network: keys may come over http`)
	p.stderr.WaitFor(t, `"issuer":"https://id.example.com"`)
}

func TestServeSaysWhatAHiddenIdentityCosts(t *testing.T) {
	redis := testenv.Redis(t, "--user", "blind", "on", ">password", "~*", "+@all", "-info")
	idp := newProvider(t)
	file := idp.config(t, "redis://blind:password@"+redis.Addr())
	// Without INFO it is unknown whether this Redis evicts.
	const evict = "store.insecure_allow_eviction=true"
	refusesToStart(t, "store.fence is require", "--config", file, "--set", evict, "--set", "store.fence=require")
	p := start(t, "serve", "--config", file, "--set", evict)
	p.stderr.WaitFor(t, "weaker single use")
	dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
}

// Without a right of the stream no revocation would arrive, so that serve says which one
// is missing, and so does check-config.
func TestServeNamesAMissingRight(t *testing.T) {
	redis := testenv.Redis(t, "--user", "narrow", "on", ">password", "~*", "+@all", "-xadd")
	file := newProvider(t).config(t, "redis://narrow:password@"+redis.Addr())
	refusesToStart(t, "lacks the right +xadd", "--config", file)
	stdout, stderr, err := runIn(t, nil, "check-config", "--online", "--config", file)
	if err == nil || !strings.Contains(stdout+stderr+err.Error(), "lacks the right +xadd") {
		t.Errorf("check-config = %v, said %s%s; want it to name +xadd", err, stdout, stderr)
	}
}

// handshake makes a handshake on a new connection, with edits of [test.Handshake],
// and returns the status.
func handshake(ctx context.Context, addr, token string, edits ...string) (int, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Otherwise thousands of ports could not be used for a minute.
		_ = tcp.SetLinger(0)
	}
	if _, err := io.WriteString(conn, test.Handshake("GET /ws?ticket="+token+" HTTP/1.1", append(edits, "Host: localhost")...)); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestARepeatedHandshakeIsNoReplay(t *testing.T) {
	const first, second = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
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
				if status, err := handshake(t.Context(), p.public, got.Ticket, step.key); err != nil || status != step.want {
					t.Errorf("handshake %d = %d, %v, want %d", n+1, status, err, step.want)
				}
			}
			p.stderr.WaitFor(t, `"msg":"replay"`)
			if log := p.stderr.String(); !strings.Contains(log, `"spent_by_attempt":"`) || !strings.Contains(log, `"ticket_id":"`+got.TicketID+`"`) {
				t.Errorf("the replay is not reported with who spent the ticket:\n%s", log)
			}
		})
	}
}
