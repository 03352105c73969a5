package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// TestOutageOfTheStore: a person who reads the log, or asks for health, learns
// which store is away, why, and for how long.
func TestOutageOfTheStore(t *testing.T) {
	redis, idp := testenv.Redis(t), newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, redis.URL()))
	health := func() (string, error) {
		out, _, err := runIn(t, nil, "health", "--verbose", "--internal", p.internal)
		return out, err
	}
	test.Wait(t, "the store to be well", func() bool {
		out, err := health()
		return err == nil && strings.Contains(out, "ok      store "+redis.Addr()+" since ") && strings.Contains(out, "ok      keys  https://id.example.com") && strings.HasSuffix(out, "ready\n")
	})
	redis.Kill()
	p.stderr.WaitFor(t, `"level":"WARN","msg":"the store does not answer","host":"`+redis.Addr()+`","cause":"connection refused"`)
	out, _ := health()
	if !strings.Contains(out, "failing store "+redis.Addr()+" since ") || !strings.Contains(out, "connection refused") {
		t.Errorf("health --verbose = %q, want the store failing", out)
	}
	redis.Restart()
	p.stderr.WaitFor(t, `"level":"WARN","msg":"the store answers again","host":"`+redis.Addr()+`","after":`)
	if got := strings.Count(p.stderr.String(), "the store does not answer"); got != 1 {
		t.Errorf("%d warnings, want one", got)
	}
}

// TestOutageOfAPrimary: one outage is one warning and its end, also of one
// server of several.
func TestOutageOfAPrimary(t *testing.T) {
	idp := newProvider(t)
	for name, servers := range map[string]func(t *testing.T) (url string, end, begin func()){
		"cluster": func(t *testing.T) (string, func(), func()) {
			c := testenv.Cluster(t)
			one := c.Servers()[0]
			return c.URL(), one.Kill, one.Restart
		},
		"sentinel": func(t *testing.T) (string, func(), func()) {
			s := testenv.Sentinel(t)
			all := append(s.Sentinels(), s.Primary()) // with Sentinels it might be over before it is noticed
			return s.URL(), func() { each(all, (*testenv.RedisServer).Kill) }, func() { each(all, (*testenv.RedisServer).Restart) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, end, begin := servers(t)
			bearer := idp.bearer(t, "alice")
			p := start(t, "serve", "--wait", "30s", "--config", idp.config(t, url), "--set", "store.insecure_allow_eviction=true")
			test.Wait(t, "the store to be well", func() bool {
				out, _, err := runIn(t, nil, "health", "--verbose", "--internal", p.internal)
				return err == nil && strings.Contains(out, "ok      store")
			})
			end()
			for range 20 { // tickets have different primaries in a cluster
				_ = send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, "")
			}
			p.stderr.WaitFor(t, `"msg":"the store does not answer","host":"`)
			begin()
			p.stderr.WaitFor(t, `"msg":"the store answers again","host":"`)
			if got := strings.Count(p.stderr.String(), "the store does not answer\""); got != 1 {
				t.Errorf("%d warnings, want one:\n%s", got, p.stderr)
			}
		})
	}
}

func each(servers []*testenv.RedisServer, do func(*testenv.RedisServer)) {
	for _, server := range servers {
		do(server)
	}
}

func TestHealthOfNobody(t *testing.T) {
	addr := testenv.FreeAddr(t)
	if _, _, err := runIn(t, nil, "health", "--internal", addr); err == nil || !strings.Contains(err.Error(), "no wsticket answers at "+addr+": connection refused") {
		t.Errorf("health = %v", err)
	}
	other := strings.TrimPrefix(jsonOf(t, `[]`), "http://")
	if _, _, err := runIn(t, nil, "health", "--internal", other); err == nil || !strings.Contains(err.Error(), "is no wsticket") {
		t.Errorf("health of another program = %v", err)
	}
}

// TestAlarmsHaveSeries: the series of every alarm in docs/operations.md are there
// before anything happens.
func TestAlarmsHaveSeries(t *testing.T) {
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"))
	p.hasMetrics(
		t, `wsticket_actions_total{action="redeem",reason="spent"} 0`, `wsticket_actions_total{action="issue",reason="unavailable"} 0`,
		`wsticket_actions_total{action="redeem",reason="corrupt"} 0`, `wsticket_store_outages_total{kind="connection"} 0`,
		`wsticket_handshakes_total{door="none",outcome="refused",reason="credential_in_url"} 0`,
		`wsticket_http_requests_total{method="POST",reason="unknown_key",route="/consume",status="401"} 0`,
		`wsticket_connection_duration_seconds_count{by="client"} 0`,
	)
	_, _, _ = dial(t, "ws://"+p.public+"/ws?access_token=x", nil)
	_ = p.consume(t, "wrong", `{"ticket":"x"}`)
	p.hasMetrics(
		t, `wsticket_handshakes_total{door="none",outcome="refused",reason="credential_in_url"} 1`,
		`wsticket_http_requests_total{method="POST",reason="unknown_key",route="/consume",status="401"} 1`,
	)
}

// TestLogNamesUsers: who got and who used a ticket, where log.subject says so, and
// probes at the debug level alone.
func TestLogNamesUsers(t *testing.T) {
	idp := newProvider(t)
	file := idp.config(t, "memory:")
	digest := regexp.MustCompile(`"sub_hash":"([A-Za-z0-9_-]{22})"`)
	words := map[string]bool{}
	for _, mode := range []string{"false", "true", "hash", "hash"} {
		p := start(t, "serve", "--config", file, "--set", "log.subject="+mode)
		conn, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
		_ = conn.CloseNow()
		_ = send(t, "GET", "http://"+p.internal+"/livez", "", "")
		p.stderr.WaitFor(t, `"msg":"connection closed"`)
		_ = p.stop(t)
		log := p.stderr.String()
		if got := strings.Count(log, `"iss":"https://id.example.com","sub":"alice"`); (got == 2) != (mode == "true") || mode != "true" && strings.Contains(log, "alice") {
			t.Errorf("log.subject=%s: alice stands %d times in\n%s", mode, got, log)
		}
		found := digest.FindAllStringSubmatch(log, -1)
		if (len(found) == 2) != (mode == "hash") {
			t.Errorf("log.subject=%s: %d digests in\n%s", mode, len(found), log)
		}
		for _, m := range found {
			words[m[1]] = true
		}
		if strings.Contains(log, "/livez") {
			t.Errorf("a probe is in the log:\n%s", log)
		}
	}
	if len(words) != 1 {
		t.Errorf("alice has the digests %v, want the same in every process with that key", words)
	}
}

// TestSubjectDigestByHand computes sub_hash as docs/operations.md says.
func TestSubjectDigestByHand(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.Index(string(text), "printf 'log.subject")
	command, _, found := strings.Cut(string(text[max(begin, 0):]), "\n  ```")
	if begin < 0 || !found {
		t.Fatal("docs/operations.md has no command")
	}
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "log.subject=hash")
	issue(t, p.public, idp.bearer(t, "alice"))
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	shell.Dir = filepath.Dir(idp.seal)
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr.WaitFor(t, `"sub_hash":"`+strings.TrimSpace(string(out))+`"`)
}
