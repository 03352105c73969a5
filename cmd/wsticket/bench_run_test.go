package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// TestBenchOfItsOwnServer makes each storm, by number and by time, against a
// real process that bench starts.
func TestBenchOfItsOwnServer(t *testing.T) {
	t.Parallel()
	for _, storm := range []string{"issue", "redeem", "connect"} {
		t.Run(storm, func(t *testing.T) {
			r, err := benchJSON(t, asServer(t), "--storm", storm, "--count", "50")
			if err != nil {
				t.Fatal(err)
			}
			checkBench(t, r, storm)
			if got := r.Storms[0].Succeeded; got != 50 {
				t.Errorf("%d succeeded of 50: %v", got, r.Storms[0].Errors)
			}
		})
	}
	t.Run("all, for a time", func(t *testing.T) {
		r, err := benchJSON(t, asServer(t, "WSTICKET_STORE_URL=is not looked at"), "--duration", "200ms", "--warm-up", "50ms")
		if err != nil {
			t.Fatal(err)
		}
		checkBench(t, r, "issue", "redeem", "connect")
		if s := r.Storms[0]; s.Seconds < 0.2 || s.Seconds > patience.Seconds() {
			t.Errorf("issue took %gs, want 0.2s or little more", s.Seconds)
		}
	})
}

// checkBench looks for what every run against a healthy server has.
func checkBench(t *testing.T, r report, storms ...string) {
	t.Helper()
	if len(r.Storms) != len(storms) || r.Server != "own server (memory store)" || r.Interrupted || r.Callers != 4 || r.Version != version {
		t.Fatalf("report is %+v, want the storms %q of an own server", r, storms)
	}
	for n, s := range r.Storms {
		if s.Storm != storms[n] || s.Succeeded == 0 || s.Failed != 0 || len(s.Errors) != 0 || s.PerSecond <= 0 {
			t.Errorf("storm is %+v, want successes of %s", s, storms[n])
		}
		if l := s.Latency; l == nil || l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
			t.Errorf("%s has the latencies %+v", s.Storm, l)
		}
		if p := s.Process; p.CPU == nil || p.MemoryBegin == nil || *p.MemoryBegin < 1<<20 || p.MemoryEnd == nil || s.ClientCPU == nil {
			t.Errorf("%s has no figures of the processes: %+v", s.Storm, s)
		}
	}
}

// TestBenchOfAConfiguration starts a server as an operator's file says, on
// another port, without its certificate, and with the Host that it wants.
func TestBenchOfAConfiguration(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	idp := newProvider(t)
	file := idp.config(t, redis.URL())
	flags := []string{
		"--count", "20", "--set", "public.hosts=api.example.com", "--set", "ws.path=/chat", "--set", "ws.ticket_parameter=t",
		"--set", "ws.allow_missing_origin=false", "--set", "public.tls.cert_file=/nowhere", "--set", "public.tls.key_file=/nowhere",
	}
	for name, args := range map[string][]string{
		"signed by its key": {"--config", file, "--key", idp.private},
		"a bearer of mine":  {"--config", file, "--bearer-file", writeFile(t, "bearer", idp.bearer(t, "alice"))},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := benchJSON(t, asServer(t), append(flags, args...)...)
			if err != nil || len(r.Storms) != 3 || r.Storms[2].Succeeded != 20 || r.Server != "own server (redis store)" {
				t.Errorf("bench = %+v, %v", r, err)
			}
		})
	}
	t.Run("from the environment", func(t *testing.T) {
		r, err := benchJSON(t, asServer(t, "WSTICKET_CONFIG="+file, "WSTICKET_STORE_URL=memory:"), "--key", idp.private, "--count", "5", "--storm", "issue")
		if err != nil || r.Server != "own server (memory store)" || r.Storms[0].Succeeded != 5 {
			t.Errorf("bench = %+v, %v", r, err)
		}
	})
	t.Run("with limits", func(t *testing.T) {
		r, err := benchJSON(t, asServer(t), "--config", file, "--key", idp.private, "--set", "limits.per_address=5/m", "--count", "20", "--storm", "issue")
		if err != nil || r.Storms[0].Succeeded != 5 || r.Storms[0].Errors["429 rate_limited"] != 15 {
			t.Errorf("bench = %+v, %v, want 5 of 20", r.Storms, err)
		}
	})
}

func TestBenchServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	file := idp.config(t, "redis://"+testenv.FreeAddr(t))
	for _, row := range []struct {
		rule string
		args []string
		want string
	}{
		{"what the server says is repeated", []string{"--config", file, "--key", idp.private}, "the store does not answer"},
		{"a fault of the configuration is told without starting it", []string{"--config", file, "--key", idp.private, "--set", "ticket.ttl=1h"}, "ticket.ttl: must be 5s..60s"},
		{"a file that is not there", []string{"--config", "/nowhere", "--key", idp.private}, "/nowhere"},
		{"a key that is not there", []string{"--config", file, "--key", "/nowhere"}, "/nowhere"},
		{"a key that is none", []string{"--config", file, "--key", idp.public}, "no private key"},
		{"bearers that are not there", []string{"--config", file, "--bearer-file", "/nowhere"}, "/nowhere"},
		{"a key of the configuration that does not exist", []string{"--set", "nope=1"}, "nope: no such key"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			out, _, err := runIn(t, asServer(t), append([]string{"bench"}, row.args...)...)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "bench: ") || out != "" {
				t.Errorf("bench = %v, want %q\n%s", err, row.want, out)
			}
		})
	}
}

// TestBenchOfARunningServer also looks whether a bearer or a ticket stands in
// what bench prints.
func TestBenchOfARunningServer(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "limits.per_subject=0", "--set", "limits.per_address=0")
	bearer := idp.bearer(t, "alice")
	var out, errs bytes.Buffer
	err := run(t.Context(), world{
		Args:  []string{"bench", "--url", "http://" + p.public, "--bearer-file", "-", "--count", "20", "--warm-up", "10ms"},
		Stdin: strings.NewReader(bearer + "\n"), Stdout: &out, Stderr: &errs,
	})
	if err != nil || !strings.Contains(out.String(), "running server at http://"+p.public+", 16 callers\n") {
		t.Errorf("bench = %v\n%s", err, out.String())
	}
	if strings.Count(out.String(), "unknown") != 9 {
		t.Errorf("what the server uses is known without its internal listener:\n%s", out.String())
	}
	for _, secret := range []string{bearer, bearer[strings.LastIndex(bearer, ".")+1:], "wst1_"} {
		if strings.Contains(out.String()+errs.String(), secret) {
			t.Error("a secret stands in the output")
		}
	}

	r, err := benchJSON(t, nil, "--url", "http://"+p.public+"/", "--internal", "http://"+p.internal+"/",
		"--bearer-file", writeFile(t, "bearer", bearer), "--count", "5", "--storm", "issue")
	if err != nil || r.Server != "running server" || r.Storms[0].Process.CPU == nil {
		t.Errorf("bench = %+v, %v, want figures of the server", r, err)
	}
}

func TestBenchOverTLS(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	openssl(t, nil, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "public.tls.cert_file="+cert, "--set", "public.tls.key_file="+key)
	flags := []string{"bench", "--json", "--url", "https://" + p.public, "--bearer-file", writeFile(t, "bearer", idp.bearer(t, "alice")), "--count", "10", "--warm-up", "0s"}

	trusting := command(t.Context(), t, flags...)
	trusting.Env = append(trusting.Env, "SSL_CERT_FILE="+cert)
	out, err := trusting.Output()
	var r report
	if json.Unmarshal(out, &r) != nil || err != nil || len(r.Storms) != 3 || r.Storms[2].Succeeded != 10 {
		t.Errorf("bench over TLS = %v\n%s", err, out)
	}
	stranger := command(t.Context(), t, append(flags, "--callers", "1", "--count", "1")...)
	stranger.Env = append(stranger.Env, "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
	if out, err := stranger.Output(); err == nil || !strings.Contains(string(out), `"certificate not trusted": 1`) {
		t.Errorf("bench of a certificate that nobody vouches for = %v\n%s", err, out)
	}
}

// TestBenchEndsEarly sends the signal of Ctrl-C.
func TestBenchEndsEarly(t *testing.T) {
	t.Parallel()
	p := launch(t, "bench", "--storm", "issue,connect", "--duration", "1h", "--warm-up", "10ms", "--callers", "2")
	p.stderr.waitFor(t, "issue, up to 1h0m0s: ")
	if err := p.stop(t); err != nil {
		t.Errorf("bench ended with %v, want exit status 0\n%s", err, p.stderr)
	}
	text := p.stdout.String()
	if !strings.Contains(text, "interrupted: this is what there was\n") || !strings.Contains(text, "\n  issue  ") || strings.Contains(text, "connect") {
		t.Errorf("what there was is\n%s", text)
	}
	if strings.Contains(text, "unknown") || strings.Contains(text, "errors") {
		t.Errorf("what was cut off counts, or the server was not asked at the end:\n%s", text)
	}
	checkGone(t, text)
}

func TestBenchEndsBeforeAnythingIsMeasured(t *testing.T) {
	t.Parallel()
	p := launch(t, "bench", "--warm-up", "1h")
	p.stderr.waitFor(t, "issue (warm-up), up to 1h0m0s: ")
	exit, ok := p.stop(t).(*exec.ExitError) //nolint:errorlint // what Wait returns, as it is
	if !ok || exit.ExitCode() != 1 || p.stdout.String() != "" || !strings.Contains(p.stderr.String(), "interrupted before anything was measured") {
		t.Errorf("bench = %v %q %q", exit, p.stdout, p.stderr)
	}
}

// checkGone waits until the server whose address stands in the text is gone.
func checkGone(t *testing.T, text string) {
	t.Helper()
	_, rest, _ := strings.Cut(text, " at http://")
	addr, _, _ := strings.Cut(rest, ",")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err == nil {
		_ = conn.Close()
		t.Errorf("the server at %s lives on", addr)
	}
}
