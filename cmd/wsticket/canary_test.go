package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/test/collector"
	"wsticket/internal/testenv"
)

// TestNothingSecretInAnyOutput (ASVS 14.2.1, 16.2.5) makes good and bad
// requests at every door, and then searches everything that the service has
// written for everything secret.
func TestNothingSecretInAnyOutput(t *testing.T) {
	for _, acceptThenClose := range []string{"false", "true"} {
		t.Run("accept_then_close="+acceptThenClose, func(t *testing.T) {
			const password = "canary-redis-password"
			redis := testenv.Redis(t, "--requirepass", password)
			idp := newProvider(t)
			config := idp.config(t, "redis://:"+password+"@"+redis.Addr())
			spans := collector.New(t)
			hook, settings := newHookReceiver(t, "issue, redeem, refuse, replay, tripwire, fence, revoke, admit, connect, disconnect, limit")
			database, trail := trailToSearch(t, acceptThenClose == "true")
			settings = append(settings, database...)
			c := &canary{
				collector: spans,
				process: startWithKeys(t, config, append(settings, "--set", "telemetry.otlp_endpoint="+spans.URL, "--set", "telemetry.sample_ratio=1",
					"--set", "telemetry.headers_file="+test.WriteFile(t, "headers", "Authorization: Bearer "+collectorKey), "--set", "log.level=debug", "--set", "ws.accept_then_close="+acceptThenClose,
					"--set", "session.cookie=sid", "--set", "session.jwt=true", "--set", everyDoor)...),
				hook: hook, trail: trail, bearer: idp.bearer(t, "alice"), completes: acceptThenClose == "true",
			}
			c.secrets = map[string]string{
				"the password": password, "the password of the database": databasePassword, "the secret of the webhook": webhookSecret, "the key of the collector": collectorKey, "the bearer": c.bearer,
				"the bearer's signature": c.bearer[strings.LastIndex(c.bearer, ".")+1:],
			}
			c.doors(t)
			c.sessions(t)
			c.firstMessages(t)
			c.wrongWays(t)
			c.checks(t)
			redis.Freeze()
			send(t, http.MethodPost, "http://"+c.public+"/ws-ticket", c.bearer, "")
			redis.Thaw()
			c.search(t)
		})
	}
}

const collectorKey = "canary-collector-key"

const databasePassword = "canary-database-password"

// trailToSearch returns the settings of a database, and all that it holds: the bytes of
// the files of SQLite, or every row of every table of PostgreSQL.
func trailToSearch(t *testing.T, inPostgres bool) (settings []string, held func() string) {
	t.Helper()
	if !inPostgres {
		file, settings := inFile(t)
		return settings, func() string {
			var all strings.Builder
			for _, suffix := range []string{"", "-wal", "-shm"} {
				text, err := os.ReadFile(file + suffix)
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				all.Write(text)
			}
			return all.String()
		}
	}
	server := testenv.Postgres(t)
	url := server.NewDatabase()
	withPassword := strings.Replace(url, "@", ":"+databasePassword+"@", 1)
	return []string{"--set", "database.url=" + withPassword, "--set", "database.migrate=true"}, func() string {
		var all strings.Builder
		for table := range strings.FieldsSeq(server.Exec(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) {
			all.WriteString(server.Exec(url, "SELECT t::text FROM "+table+" t"))
		}
		return all.String()
	}
}

// canary is one such run.
type canary struct {
	*process

	hook      *hookReceiver
	trail     func() string // all that the database holds
	collector *collector.Collector
	bearer    string
	completes bool              // a refused handshake
	secrets   map[string]string // what it is, and its text
}

// issue gets a ticket that must not appear in any output.
func (c *canary) issue(t *testing.T, what string) issued {
	t.Helper()
	got := issue(t, c.public, c.bearer)
	c.secrets["the ticket of "+what] = got.Ticket
	return got
}

// doors goes through each door with a ticket, and then with the same again.
func (c *canary) doors(t *testing.T) {
	t.Helper()
	for door := range through(c.public, issued{}) {
		connect := through(c.public, c.issue(t, door))[door]
		connect(t)
		if !c.completes {
			connect(t)
		}
	}
}

// sessions sends session cookies, from an allowed page and without an origin.
func (c *canary) sessions(t *testing.T) {
	t.Helper()
	good := http.Header{"Cookie": {"sid=" + c.bearer}, "Origin": {pageOrigin}}
	dial(t, "ws://"+c.public+"/ws", &websocket.DialOptions{HTTPHeader: good})
	for _, header := range []http.Header{
		{"Cookie": {"sid=" + c.bearer}},
		{"Cookie": {"sid=" + c.bearer + "x"}, "Origin": {pageOrigin}},
		{"Cookie": {"sid=" + c.bearer + "; sid=" + c.bearer + "x"}, "Origin": {pageOrigin}},
		{"Cookie": {`sid="` + c.bearer}, "Origin": {pageOrigin}},
	} {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+c.public+"/ws", &websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			_, _, err = conn.Read(t.Context())
		}
		if err == nil {
			t.Error("a wrong session was accepted")
		}
	}
}

// firstMessages sends good and bad first messages.
func (c *canary) firstMessages(t *testing.T) {
	t.Helper()
	token := c.issue(t, "first_message").Ticket
	for _, text := range []string{
		authMessage(token), authMessage(token), authMessage(c.bearer), authMessage(c.bearer + "x"),
		`{"type":"auth","token":"` + token + `","` + c.bearer + `":1}`, `{"type":"hello","token":"` + c.bearer + `"}{`,
		`["` + c.bearer + `"]`, token, c.bearer,
	} {
		_, answer, err := sayFirst(t.Context(), t, c.public, text)
		if err != nil || strings.Contains(answer, token) || strings.Contains(answer, c.bearer) {
			t.Errorf("a first message is answered with %q, %v", answer, err)
		}
	}
}

// wrongWays are requests with a secret in a wrong place.
func (c *canary) wrongWays(t *testing.T) {
	t.Helper()
	token, base := c.issue(t, "the wrong ways").Ticket, "http://"+c.public
	for _, target := range []string{
		"/ws?token=" + c.bearer, "/ws?access_token=" + c.bearer, "/ws?x=" + c.bearer,
		"/ws?ticket=" + token + "&ticket=" + token, "/ws?ticket=" + token + "%zz", "/ws?Ticket=" + token,
		"/ws/" + token, "//ws?ticket=" + token, "/ws;ticket=" + token, "/ws-ticket/" + token,
		"/ws-ticket?access_token=" + c.bearer, "/" + c.bearer,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
			a := send(t, method, base+target, c.bearer, "")
			if strings.Contains(a.body, token) || strings.Contains(a.body, c.bearer) {
				t.Errorf("%s of a wrong target answers with the secret: %s", method, a.body)
			}
		}
		c.dialAnyway(t, "ws://"+c.public+target)
	}
	for _, text := range []string{token, c.bearer, "00-" + token} {
		exchange(t, http.MethodPost, base+"/ws-ticket", "", "Authorization", "Bearer "+c.bearer+"x", "Traceparent", text, "Tracestate", "a="+text, "Baggage", "a="+text)
	}
	send(t, http.MethodPost, base+"/ws-ticket", c.bearer+"x", "")
	send(t, http.MethodPost, base+"/ws-ticket", "", `{"audience":"`+token+`"}`)
	send(t, http.MethodPost, base+"/ws-ticket", c.bearer, `{"`+c.bearer+`":1}`)
}

// dialAnyway makes a handshake, which may fail.
func (c *canary) dialAnyway(t *testing.T, url string) {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), url, nil)
	if err == nil {
		defer func() { _ = conn.CloseNow() }()
		if _, _, err := conn.Read(t.Context()); !c.completes || websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("a wrong target was accepted, then %v", err)
		}
	}
	if res != nil && res.Header.Get("Location") != "" {
		t.Errorf("a wrong target is redirected")
	}
}

// search ends the process and searches everything that it has written.
func (c *canary) search(t *testing.T) {
	t.Helper()
	metrics := exchange(t, http.MethodGet, "http://"+c.internal+"/metrics", "", "Accept", "application/openmetrics-text").body
	running := c.trail() // with the log of a file, which is gone when it is closed
	_ = c.stop(t)
	written := map[string]string{"the database": running + c.trail(), "standard output": c.stdout.String(), "the log": c.stderr.String(), "the metrics": metrics, "the webhook": c.hook.sent(), "the telemetry": c.collector.Bodies()}
	if !strings.Contains(metrics, `# {trace_id="`) || len(c.collector.Spans("wsticket.redeem")) == 0 || c.collector.Metric("wsticket_actions_total") == nil {
		t.Error("exemplars, spans or exported metrics are missing: the search would prove nothing")
	}
	if !strings.Contains(written["the webhook"], `"kind":"connect"`) || !strings.Contains(written["the webhook"], `"kind":"refuse"`) {
		t.Error("the webhook lacks events: the search would prove nothing")
	}
	for _, sign := range []string{"alice", "admit", "connect", "credential_in_url", "origin_not_allowed", "spent_by_attempt", "Go-http-client"} {
		if !strings.Contains(written["the database"], sign) {
			t.Errorf("the database lacks %s: the search would prove nothing", sign)
		}
	}
	for _, sign := range []string{`"outcome":"connected"`, `"outcome":"refused"`, `"door":"first_message"`, `"door":"cookie"`} {
		if !strings.Contains(written["the log"], sign) {
			t.Errorf("the log lacks %s: the search would prove nothing", sign)
		}
	}
	noneIn(t, c.secrets, written)
}

// noneIn searches texts for secrets. Both have a name as their key.
func noneIn(t *testing.T, secrets, written map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		for where, text := range written {
			if strings.Contains(text, secret) {
				t.Errorf("%s stands in %s", what, where)
			}
		}
	}
}

// checks makes good and bad requests at the internal listener.
func (c *canary) checks(t *testing.T) {
	t.Helper()
	p, bearer := c.process, c.bearer
	consumed, looked := c.issue(t, "consume").Ticket, c.issue(t, "introspect").Ticket
	asked, left := c.issue(t, "nginx").Ticket, c.issue(t, "the wrong checks").Ticket
	for what, secret := range map[string]string{
		"the key of chat": chatKey, "the key of another": otherKey, "the key of watch": watchKey, "an attempt": "canary-attempt",
	} {
		c.secrets[what] = secret
	}
	const form = "application/x-www-form-urlencoded"
	inside := "http://" + p.internal
	answers := []answer{
		p.consume(t, chatKey, `{"ticket":"`+consumed+`","attempt":"canary-attempt"}`), p.consume(t, chatKey, `{"ticket":"`+consumed+`"}`),
		exchange(t, http.MethodPost, inside+"/introspect", "token="+looked, "Authorization", "Bearer "+watchKey, "Content-Type", form),
		p.asNginx(t, asked, "r-1"), p.asNginx(t, asked, "r-2"),
		p.consume(t, watchKey, `{"ticket":"`+left+`"}`), p.consume(t, chatKey+"x", `{"ticket":"`+left+`"}`),
		p.consume(t, chatKey, `{"`+left+`":1}`), p.consume(t, chatKey, `{"ticket":"`+left+`","ticket":"`+left+`"}`),
		p.consume(t, chatKey, `{"ticket":"`+left+`","attempt":"`+left+left+`"}`), p.consume(t, chatKey, `{"ticket":"`+bearer+`"}`),
		send(t, http.MethodPost, inside+"/consume?key="+chatKey, chatKey, ""), send(t, http.MethodPost, inside+"/consume?ticket="+left, chatKey, ""),
		send(t, http.MethodPost, inside+"/consume/"+left, chatKey, ""), send(t, http.MethodPost, inside+"/"+chatKey, chatKey, ""),
		exchange(t, http.MethodPost, inside+"/introspect", "token="+left+"&token="+left, "Authorization", "Bearer "+watchKey, "Content-Type", form),
		exchange(t, http.MethodGet, inside+"/auth/caddy?ticket="+left, "", "X-Forwarded-Uri", "/ws?ticket="+left),
		exchange(t, http.MethodGet, inside+"/auth/envoy/ws?ticket="+left+"&ticket="+left, ""),
		exchange(t, http.MethodGet, inside+"/auth/envoy/"+left, "", "X-Wsticket-Key", otherKey),
		exchange(t, http.MethodGet, inside+"/auth/nginx?key="+otherKey, "", "X-Original-URI", "/ws?ticket="+bearer),
		p.asNginx(t, bearer, "r-3"), p.asNginx(t, left, "r-4", "Authorization", "Bearer "+bearer),
	}
	written := make(map[string]string)
	for n, a := range answers {
		written[fmt.Sprint("answer ", n)] = fmt.Sprint(a.header, a.body)
	}
	noneIn(t, c.secrets, written)
}
