package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// asServer is an environment in which this test binary, when bench starts it
// as its server, behaves as wsticket.
func asServer(t testing.TB, env ...string) []string {
	t.Helper()
	return append(command(t.Context(), t).Env, env...)
}

// benchJSON runs bench and reads its document.
func benchJSON(t *testing.T, env []string, args ...string) (report, error) {
	t.Helper()
	out, errs, err := runIn(t, env, append([]string{"bench", "--json", "--warm-up", "0s", "--callers", "4"}, args...)...)
	var r report
	if fault := json.Unmarshal([]byte(out), &r); fault != nil {
		t.Fatalf("no JSON document: %v\n%s%s(%v)", fault, out, errs, err)
	}
	return r, err
}

func TestBenchHelp(t *testing.T) {
	commands, _, _ := runIn(t, nil, "--help")
	if !strings.Contains(commands, "  bench ") {
		t.Errorf("help does not name bench:\n%s", commands)
	}
	out, _, err := runIn(t, nil, "bench", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--bearer-file", "Examples:", "    wsticket bench --storm issue --callers 64 --duration 30s\n", "Ctrl-C", "Exit status 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("help does not say %q:\n%s", want, out)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	const secret = "canary"
	for _, row := range []struct {
		rule string
		args []string
		env  []string
		want string
	}{
		{"a storm that is none", []string{"--storm", "flood"}, nil, "--storm must be one of"},
		{"nobody who calls", []string{"--callers", "0"}, nil, "--callers: must be 1 to 10000 (got 0)"},
		{"too many who call", []string{"--callers", "10001"}, nil, "--callers: must be 1 to 10000 (got 10001)"},
		{"a count below nothing", []string{"--count=-1"}, nil, "--count: must be positive (got -1)"},
		{"a storm without end", []string{"--duration", "61m"}, nil, "--duration: must be positive and at most 1h"},
		{"a time that runs backwards", []string{"--duration=-1s"}, nil, "--duration: must be positive"},
		{"a warm-up without end", []string{"--warm-up", "2h"}, nil, "--warm-up: must be 0s to 1h"},
		{"no time to answer", []string{"--timeout", "0s"}, nil, "--timeout: must be positive and at most 1m"},
		{"an origin that ends its line", []string{"--origin", "http://a\r\nX: y"}, nil, "--origin: must be an origin"},
		{"a running server without a bearer", []string{"--url", "http://localhost:1"}, nil, "--url: needs --bearer-file"},
		{"a running server of another scheme", []string{"--url", "ftp://localhost", "--bearer-file", "x"}, nil, "--url: must be http(s)://host[:port]"},
		{"a running server with a path", []string{"--url", "http://localhost/x", "--bearer-file", "x"}, nil, "--url: must be http(s)://host[:port]"},
		{"a running server with a password", []string{"--url", "http://u:" + secret + "@localhost", "--bearer-file", "x"}, nil, "--url: must be http(s)://host[:port]"},
		{"a running server with a query", []string{"--url", "http://localhost?token=" + secret, "--bearer-file", "x"}, nil, "--url: must be http(s)://host[:port]"},
		{"a running server that is to be configured", []string{"--url", "http://localhost", "--bearer-file", "x", "--set", "a=b"}, nil, "--url: cannot be configured from here"},
		{"an internal listener with a path", []string{"--url", "http://localhost", "--bearer-file", "x", "--internal", "http://localhost/metrics"}, nil, "--internal: must be http(s)://host[:port]"},
		{"the internal listener of nothing", []string{"--internal", "http://localhost:1"}, nil, "--internal: is for --url"},
		{"a configuration without a key", []string{"--config", "x"}, nil, "--config: needs --key or --bearer-file"},
		{"a key without a configuration", []string{"--key", "x"}, nil, "need --config or --url"},
		{"two sources of bearers", []string{"--key", "x", "--bearer-file", "y"}, []string{"WSTICKET_CONFIG=z"}, "--key: not together with --bearer-file"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			out, errs, err := runIn(t, row.env, append([]string{"bench"}, row.args...)...)
			if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), row.want) {
				t.Errorf("bench %q = %v, want a usage error with %q", row.args, err, row.want)
			}
			if err != nil && strings.Contains(out+errs+err.Error(), secret) {
				t.Error("the message repeats a secret")
			}
		})
	}
}

func TestBenchNamesEveryFaultAtOnce(t *testing.T) {
	_, _, err := runIn(t, nil, "bench", "--callers", "0", "--timeout", "0s", "--config", "x")
	for _, want := range []string{"--callers", "--timeout", "--config"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bench does not say %q: %v", want, err)
		}
	}
}

func TestBenchOfADeadPort(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + ln.Addr().String()
	_ = ln.Close()
	out, _, err := runIn(t, nil, "bench", "--url", dead, "--bearer-file", writeFile(t, "bearer", "a.b.c"))
	if want := "bench: " + dead + ": connection refused"; err == nil || err.Error() != want || out != "" {
		t.Errorf("bench of a dead port = %v, want %q\n%s", err, want, out)
	}
}

func TestBenchOfAHostThatIsNone(t *testing.T) {
	_, _, err := runIn(t, nil, "bench", "--url", "http://nowhere.invalid", "--bearer-file", writeFile(t, "bearer", "a.b.c"))
	if err == nil || !strings.HasPrefix(err.Error(), "bench: http://nowhere.invalid: ") {
		t.Errorf("bench of no host = %v", err)
	}
}

func TestReadBearers(t *testing.T) {
	const secret = "canary"
	for _, row := range []struct {
		rule, text string
		want       []string
		fault      string
	}{
		{"one", "a.b.c", []string{"a.b.c"}, ""},
		{"one a line, blank lines between", "\n a.b.c \r\n\nd.e-f_~+/==\n", []string{"a.b.c", "d.e-f_~+/=="}, ""},
		{"none", " \n\n", nil, "no bearer in it"},
		{"two words", "a.b.c\nBearer " + secret + "\n", nil, ":2: not a bearer"},
		{"a header of its own", secret + "\rX-Forwarded-For: 1", nil, ":1: not a bearer"},
		{"more than is read", strings.Repeat("a", maxBearers+1), nil, "must be at most 1 MiB"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			for _, file := range []string{"-", writeFile(t, "bearers", row.text)} {
				got, err := readBearers(file, strings.NewReader(row.text))
				if strings.Join(got, " ") != strings.Join(row.want, " ") || (err == nil) != (row.fault == "") {
					t.Errorf("readBearers = %q, %v, want %q", got, err, row.want)
				}
				if err != nil && (!strings.Contains(err.Error(), row.fault) || strings.Contains(err.Error(), secret)) {
					t.Errorf("fault %q, want %q and no bearer", err, row.fault)
				}
			}
		})
	}
	if _, err := readBearers("/nowhere/bearers", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there = %v", err)
	}
}

// TestBenchStaysWhereItIsSent: an answer that points elsewhere is an answer.
func TestBenchStaysWhereItIsSent(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked, which nobody has named", r.Method, r.URL.Path)
	}))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	r, err := benchJSON(t, nil, "--url", here.URL, "--internal", here.URL, "--bearer-file", writeFile(t, "bearer", "a.b.c"), "--count", "3", "--storm", "issue")
	if err == nil || r.Storms[0].Errors["status 307"] != 3 || r.Storms[0].Process.CPU != nil {
		t.Errorf("bench = %+v, %v, want three times status 307", r.Storms, err)
	}
}

// TestSignBearers: what bench signs is what the first issuer would, so that
// the server takes it.
func TestSignBearers(t *testing.T) {
	idp := newProvider(t)
	secret := writeFile(t, "secret", strings.Repeat("s", minSecret)+"\n")
	for _, row := range []struct {
		rule, key string
		issuer    IssuerConfig
		alg, typ  string
		ttl       time.Duration
		fault     string
	}{
		{"by default", idp.private, IssuerConfig{}, "RS256", "at+jwt", benchBearers, ""},
		{"an algorithm that is not the key's first", idp.private, IssuerConfig{Algorithms: []string{"PS384"}}, "PS384", "at+jwt", benchBearers, ""},
		{"one of several", idp.private, IssuerConfig{Algorithms: []string{"ES256", "RS256"}}, "RS256", "at+jwt", benchBearers, ""},
		{"a type of its own", idp.private, IssuerConfig{Type: "JWT"}, "RS256", "JWT", benchBearers, ""},
		{"any type", idp.private, IssuerConfig{Type: "any"}, "RS256", "at+jwt", benchBearers, ""},
		{"a short life", idp.private, IssuerConfig{MaxLifetime: time.Minute}, "RS256", "at+jwt", time.Minute, ""},
		{"a shared secret", secret, IssuerConfig{HMACSecretFile: secret}, "HS256", "at+jwt", benchBearers, ""},
		{"a key that does not fit", idp.private, IssuerConfig{Algorithms: []string{"ES256"}}, "", "", 0, "--key: sign: the key does not fit ES256"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			row.issuer.Issuer, row.issuer.Audience = "https://id.example.com", []string{"ws", "other"}
			bearers, err := signWithFile(Config{Issuers: []IssuerConfig{row.issuer}}, row.key, 2)
			if row.fault != "" {
				if err == nil || err.Error() != row.fault {
					t.Errorf("signWithFile = %v, want %q", err, row.fault)
				}
				return
			}
			if err != nil || len(bearers) != 2 {
				t.Fatalf("signWithFile = %d bearers, %v", len(bearers), err)
			}
			claims := jwt.RegisteredClaims{}
			token, _, err := jwt.NewParser().ParseUnverified(bearers[1], &claims)
			if err != nil || token.Header["alg"] != row.alg || token.Header["typ"] != row.typ {
				t.Errorf("header = %v, %v, want %s and %s", token.Header, err, row.alg, row.typ)
			}
			if claims.Issuer != "https://id.example.com" || claims.Subject != "bench-2" || len(claims.Audience) != 1 || claims.ExpiresAt.Sub(claims.IssuedAt.Time) != row.ttl {
				t.Errorf("claims = %+v, want bench-2 for %s", claims, row.ttl)
			}
		})
	}
	t.Run("a key that has another purpose", func(t *testing.T) {
		cfg := Config{Issuers: []IssuerConfig{{Audience: []string{"ws"}}}}
		cfg.Public.TLS.KeyFile = idp.private
		if _, err := signWithFile(Config{}, idp.private, 1); err == nil || !strings.Contains(err.Error(), "no issuer") {
			t.Errorf("signWithFile = %v, want a fault: there is no issuer", err)
		}
		if _, err := signWithFile(cfg, idp.private, 1); err == nil || !strings.Contains(err.Error(), "public.tls.key_file") {
			t.Errorf("signWithFile = %v, want a refusal", err)
		}
	})
}
