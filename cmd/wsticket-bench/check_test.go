package main

import (
	"strings"
	"testing"

	"wsticket/internal/keyfile"
	"wsticket/internal/test"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	out, _, status := bench(t, "", "--help")
	for _, want := range []string{"--bearer-file", "\n    wsticket-bench --storm issue --callers 64 --duration 30s\n", "Ctrl-C", "Exit status"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("help does not say %q (status %d):\n%s", want, status, out)
		}
	}
}

func TestUsage(t *testing.T) {
	const secret = "canary"
	t.Setenv(configEnv, "")
	for _, row := range []struct {
		rule string
		args []string
		want string
	}{
		{"a flag that does not exist", []string{"--frob"}, "unknown flag --frob (see wsticket-bench --help)"},
		{"a storm that does not exist", []string{"--storm", "flood"}, "--storm must be one of"},
		{"no callers", []string{"--callers", "0"}, "--callers: must be 1 to 10000 (got 0)"},
		{"too many callers", []string{"--callers", "10001"}, "--callers: must be 1 to 10000 (got 10001)"},
		{"a negative count", []string{"--count=-1"}, "--count: must be positive (got -1)"},
		{"too long", []string{"--duration", "61m"}, "--duration: must be positive and at most 1h"},
		{"a negative time", []string{"--duration=-1s"}, "--duration: must be positive"},
		{"a warm-up that is too long", []string{"--warm-up", "2h"}, "--warm-up: must be 0s to 1h"},
		{"no time to answer", []string{"--timeout", "0s"}, "--timeout: must be positive and at most 1m"},
		{"an origin that ends its line", []string{"--origin", "http://a\r\nX: y"}, "--origin: must be an origin"},
		{"a running server without a bearer", []string{"--url", "http://localhost:1"}, "--url: needs --bearer-file"},
		{"another scheme", []string{"--url", "ftp://localhost", "--bearer-file", "x"}, "--url: must be http(s)://host[:port]"},
		{"a path", []string{"--url", "http://localhost/x", "--bearer-file", "x"}, "--url: must be http(s)://host[:port]"},
		{"a password", []string{"--url", "http://u:" + secret + "@localhost", "--bearer-file", "x"}, "--url: must be http(s)://host[:port]"},
		{"a query", []string{"--url", "http://localhost?token=" + secret, "--bearer-file", "x"}, "--url: must be http(s)://host[:port]"},
		{"a running server and a setting", []string{"--url", "http://localhost", "--bearer-file", "x", "--set", "a=b"}, "--url: cannot be configured from here"},
		{"an internal listener with a path", []string{"--url", "http://localhost", "--bearer-file", "x", "--internal", "http://localhost/metrics"}, "--internal: must be http(s)://host[:port]"},
		{"an internal listener alone", []string{"--internal", "http://localhost:1"}, "--internal: is for --url"},
		{"a configuration without a key", []string{"--config", "x"}, "--config: needs --key or --bearer-file"},
		{"a key without a configuration", []string{"--key", "x"}, "need --config or --url"},
		{"two sources of bearers", []string{"--config", "z", "--key", "x", "--bearer-file", "y"}, "--key: not together with --bearer-file"},
		{"the first of two faults", []string{"--callers", "0", "--timeout", "0s"}, "--callers: "},
		{"the second of two faults", []string{"--callers", "0", "--timeout", "0s"}, "--timeout: "},
	} {
		t.Run(row.rule, func(t *testing.T) {
			out, errs, status := bench(t, "", row.args...)
			if status != 2 || !strings.Contains(errs, row.want) || out != "" {
				t.Errorf("wsticket-bench %q = %d, %q, want 2, %q", row.args, status, errs, row.want)
			}
			if strings.Contains(errs, secret) {
				t.Error("the message repeats a secret")
			}
		})
	}
}

func TestBearerFile(t *testing.T) {
	t.Parallel()
	const secret = "canary"
	for _, row := range []struct {
		rule, text string
		want       string // the bearers, or a part of the error
		ok         bool
	}{
		{"one", "a.b.c", "a.b.c", true},
		{"one a line, blank lines between", "\n a.b.c \r\n\nd.e-f_~+/==\n", "a.b.c d.e-f_~+/==", true},
		{"none", " \n\n", "no bearer in it", false},
		{"two words", "a.b.c\nBearer " + secret + "\n", "line 2 is not a bearer", false},
		{"a header of its own", secret + "\rX-Forwarded-For: 1", "line 1 is not a bearer", false},
		{"too large", strings.Repeat("a", keyfile.MaxSize+1), "1 MiB", false},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			for _, file := range []string{"-", test.WriteFile(t, "bearers", row.text)} {
				got, err := readBearers(file, strings.NewReader(row.text))
				switch {
				case row.ok && (err != nil || strings.Join(got, " ") != row.want):
					t.Errorf("readBearers = %q, %v, want %q", got, err, row.want)
				case !row.ok && (err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), secret)):
					t.Errorf("readBearers = %v, want %q and no bearer", err, row.want)
				}
			}
		})
	}
}
