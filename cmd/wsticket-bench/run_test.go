package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// TestRunningServer makes every storm against `wsticket dev`, and also checks
// that no bearer and no ticket is printed.
func TestRunningServer(t *testing.T) {
	t.Parallel()
	started := startWsticket(t, "Ctrl-C", "dev", "--public", "localhost:0", "--internal", "localhost:0")
	public, internal := addresses(t, started)
	bearer := regexp.MustCompile(`Bearer ([^']+)`).FindStringSubmatch(started)[1]

	out, errs, status := bench(t, bearer+"\n", "--url", "http://"+public, "--bearer-file", "-", "--count", "20", "--warm-up", "10ms")
	if status != 0 || !strings.Contains(out, "running server at http://"+public+", 16 callers\n") {
		t.Errorf("wsticket-bench = %d\n%s%s", status, out, errs)
	}
	if strings.Count(out, "unknown") != 9 {
		t.Errorf("what the server uses is known without its internal listener:\n%s", out)
	}
	for _, secret := range []string{bearer, bearer[strings.LastIndex(bearer, ".")+1:], "wst1_"} {
		if strings.Contains(out+errs, secret) {
			t.Error("a secret is in the output")
		}
	}

	r, status := benchJSON(t, "--url", "http://"+public+"/", "--internal", "http://"+internal+"/",
		"--bearer-file", test.WriteFile(t, "bearer", bearer), "--duration", "200ms")
	if status != 0 || r.Server != "running server" {
		t.Errorf("wsticket-bench = %d, %+v", status, r)
	}
	checkStorms(t, r, "issue", "redeem", "connect")
}

// TestOwnServer starts the server with everything embedded.
func TestOwnServer(t *testing.T) {
	t.Setenv("WSTICKET_STORE_URL", "is ignored")
	r, status := benchJSON(t, "--wsticket", built(t, "wsticket"), "--count", "50")
	if status != 0 || r.Server != "own server (memory store)" || r.Callers != 4 || r.Version == "" || r.Interrupted {
		t.Errorf("wsticket-bench = %d, %+v", status, r)
	}
	checkStorms(t, r, "issue", "redeem", "connect")
	for _, s := range r.Storms {
		if s.Succeeded != 50 {
			t.Errorf("%s: %d succeeded of 50: %v", s.Storm, s.Succeeded, s.Errors)
		}
	}
}

// checkStorms checks what every run against a healthy server has.
func checkStorms(t *testing.T, r report, storms ...string) {
	t.Helper()
	if len(r.Storms) != len(storms) {
		t.Fatalf("the storms are %+v, want %q", r.Storms, storms)
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

// operator writes a configuration with an identity provider, and returns its
// file and that of the provider's key.
func operator(t *testing.T, storeURL string) (config, key string) {
	t.Helper()
	key = test.WriteFile(t, "issuer.pem", "")
	public := test.WriteFile(t, "issuer.pub.pem", "")
	openssl(t, "genpkey", "-algorithm", "ed25519", "-out", key)
	openssl(t, "pkey", "-in", key, "-pubout", "-out", public)
	return test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {url: "https://api.example.com", listen: "0.0.0.0:443", tls: {cert_file: /nowhere, key_file: /nowhere}}
ticket:   {seal_key_file: %q}
store:    {url: %q}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [EdDSA], public_key_file: %q}]
origins:  ["https://app.example.com"]
ws:       {path: /chat, ticket_parameter: t, allow_missing_origin: false}
limits:   {per_subject: "0", per_address: "0"}
`, test.WriteFile(t, "seal.keys", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), storeURL, public)), key
}

func openssl(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput(); err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, out)
	}
}

// TestConfiguration starts a server as an operator's file says, on another port
// and without its certificate.
func TestConfiguration(t *testing.T) {
	config, key := operator(t, testenv.Redis(t).URL()+"?timeout=4s")
	bearer := test.WriteFile(t, "bearer", wsticket(t, "token", "--sub", "alice", "--key", key, "--config", config))
	flags := []string{"--wsticket", built(t, "wsticket"), "--count", "20"}
	for name, args := range map[string][]string{
		"signed by its key":   {"--config", config, "--key", key},
		"a bearer of mine":    {"--config", config, "--bearer-file", bearer},
		"an origin of a page": {"--config", config, "--key", key, "--origin", "https://app.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			r, status := benchJSON(t, append(flags, args...)...)
			if status != 0 || len(r.Storms) != 3 || r.Storms[2].Succeeded != 20 || r.Server != "own server (redis store)" {
				t.Errorf("wsticket-bench = %d, %+v", status, r)
			}
		})
	}
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("WSTICKET_CONFIG", config)
		t.Setenv("WSTICKET_STORE_URL", "memory:")
		r, status := benchJSON(t, append(flags, "--key", key, "--storm", "issue")...)
		if status != 0 || r.Server != "own server (memory store)" || r.Storms[0].Succeeded != 20 {
			t.Errorf("wsticket-bench = %d, %+v", status, r)
		}
	})
	t.Run("with limits", func(t *testing.T) {
		r, status := benchJSON(t, append(flags, "--config", config, "--key", key, "--set", "limits.per_address=5/m", "--storm", "issue")...)
		if status != 0 || r.Storms[0].Succeeded != 5 || r.Storms[0].Errors["429 rate_limited"] != 15 {
			t.Errorf("wsticket-bench = %d, %+v, want 5 of 20", status, r.Storms)
		}
	})
}

func TestServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	config, key := operator(t, "redis://"+testenv.FreeAddr(t))
	program := built(t, "wsticket")
	for _, row := range []struct {
		rule string
		args []string
		want string
	}{
		{"no store", []string{"--config", config, "--key", key}, "store.url: redis at "},
		{"a fault of the configuration", []string{"--config", config, "--key", key, "--set", "ticket.ttl=1h"}, "ticket.ttl: "},
		{"no configuration", []string{"--config", "/nowhere", "--key", key}, "/nowhere"},
		{"no key", []string{"--config", config, "--key", "/nowhere"}, "--key: no such file: /nowhere"},
		{"a key that is none", []string{"--config", config, "--key", test.WriteFile(t, "key", "short")}, "wsticket token: "},
		{"no bearers", []string{"--config", config, "--bearer-file", "/nowhere"}, "--bearer-file: no such file: /nowhere"},
		{"an unknown setting", []string{"--set", "nope=1"}, "nope: no such key"},
		{"no wsticket", []string{"--wsticket", "/nowhere"}, "/nowhere"},
		{"another program", []string{"--wsticket", "/bin/true", "--config", config, "--bearer-file", test.WriteFile(t, "bearer", "a.b.c")}, "the server did not start"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			out, errs, status := bench(t, "", append([]string{"--wsticket", program}, row.args...)...)
			if status != 1 || !strings.Contains(errs, row.want) || !strings.HasPrefix(errs, "wsticket-bench: ") || out != "" {
				t.Errorf("wsticket-bench = %d, %q, want %q", status, errs, row.want)
			}
		})
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	bearer := test.WriteFile(t, "bearer", "a.b.c")
	dead := "http://" + testenv.FreeAddr(t)
	out, errs, status := bench(t, "", "--url", dead, "--bearer-file", bearer)
	if want := "wsticket-bench: " + dead + ": connection refused\n"; status != 1 || errs != want || out != "" {
		t.Errorf("a dead port: %d, %q, want %q", status, errs, want)
	}
	_, errs, status = bench(t, "", "--url", "http://nowhere.invalid", "--bearer-file", bearer)
	if status != 1 || !strings.HasPrefix(errs, "wsticket-bench: http://nowhere.invalid: ") {
		t.Errorf("a host that does not exist: %d, %q", status, errs)
	}
}

// TestTLS runs the program as it is shipped, because certificates that are
// trusted are read once in a process.
func TestTLS(t *testing.T) {
	t.Parallel()
	certs := testenv.TLS(t)
	config, issuer := operator(t, "memory:")
	bearer := wsticket(t, "token", "--sub", "alice", "--key", issuer, "--config", config)
	public, _ := addresses(t, startWsticket(t, "\n", "serve", "--config", config, "--public", "127.0.0.1:0", "--internal", "127.0.0.1:0",
		"--set", "public.hosts=127.0.0.1", "--set", "public.tls.cert_file="+certs.ServerCertFile, "--set", "public.tls.key_file="+certs.ServerKeyFile))
	for trusted, want := range map[string]string{certs.CAFile: `"succeeded": 10,`, "/nowhere": `"certificate not trusted": `} {
		cmd := exec.CommandContext(t.Context(), built(t, "wsticket-bench"), "--json", "--url", "https://"+public, "--bearer-file", "-",
			"--origin", "https://app.example.com", "--count", "10", "--warm-up", "0s")
		cmd.Env, cmd.Stdin = append(os.Environ(), "SSL_CERT_FILE="+trusted, "SSL_CERT_DIR=/nowhere"), strings.NewReader(bearer)
		if out, err := cmd.Output(); !strings.Contains(string(out), want) || (err == nil) != (trusted == certs.CAFile) {
			t.Errorf("trusting %s: %v\n%s", trusted, err, out)
		}
	}
}

// TestInterrupt sends Ctrl-C to the program as it is shipped, which finds the
// wsticket beside it.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, warmUp, progress string
		status                 int
		want                   string
	}{
		{"in the warm-up", "1h", "issue (warm-up), up to 1h0m0s: ", 1, "interrupted before anything was measured"},
		{"in the storm", "10ms", "issue, up to 1h0m0s: ", 0, "interrupted: this is what there was\n"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), built(t, "wsticket-bench"), "--storm", "issue,connect", "--duration", "1h", "--warm-up", row.warmUp, "--callers", "2")
			var out bytes.Buffer
			var errs test.Output
			cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &errs, childAttributes()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			errs.WaitFor(t, row.progress)
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
			if text := out.String() + errs.String(); cmd.ProcessState.ExitCode() != row.status || !strings.Contains(text, row.want) || strings.Contains(text, "unknown") {
				t.Errorf("wsticket-bench = %v, want status %d and %q\n%s", cmd.ProcessState, row.status, row.want, text)
			}
			checkGone(t, out.String())
		})
	}
}

// checkGone checks that the server whose address is in the text has ended.
func checkGone(t *testing.T, text string) {
	t.Helper()
	found := regexp.MustCompile(` at http://([^,]+),`).FindStringSubmatch(text)
	if found == nil {
		return // nothing was measured
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", found[1]); err == nil {
		_ = conn.Close()
		t.Errorf("the server at %s is still there", found[1])
	}
}
