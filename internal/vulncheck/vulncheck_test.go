package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The three outcomes: only a database that cannot be reached skips the scan.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	database := serve(t, http.StatusOK, `{"modified":"2026-11-28T12:00:00Z"}`)
	clean, found, missing := []string{"sh", "-c", "echo scanned"}, []string{"sh", "-c", "echo scanned; exit 3"}, []string{"no-such-tool"}
	for _, tt := range []struct {
		rule, db string
		command  []string
		outcome  string // the beginning of the last line
		scanned  bool
		code     int
	}{
		{"nothing is known", database, clean, "vuln: passed: ", true, 0},
		{"nothing is known, with a slash behind the URL", database + "/", clean, "vuln: passed: ", true, 0},
		{"a database in files", "file://" + inFiles(t), clean, "vuln: passed: ", true, 0},
		{"something is known", database, found, "vuln: failed: exit status 3", true, 1},
		{"a missing tool is not a missing database", database, missing, "vuln: failed: ", false, 1},
		{"nobody answers", silent(t), clean, "vuln: skipped, because ", false, 0},
		{"nor is a scan needed to know that", silent(t), missing, "vuln: skipped, because ", false, 0},
		{"a server that is down", serve(t, http.StatusServiceUnavailable, ""), clean, "vuln: skipped, because ", false, 0},
		{"another server", serve(t, http.StatusNotFound, "not here"), clean, "vuln: failed: ", false, 1},
		{"a portal", serve(t, http.StatusOK, "<html>Sign in</html>"), clean, "vuln: failed: ", false, 1},
		{"JSON of something else", serve(t, http.StatusOK, "{}"), clean, "vuln: failed: ", false, 1},
		{"a filter", serve(t, http.StatusForbidden, "not from here"), clean, "vuln: skipped, because ", false, 0},
		{"a filter with a certificate of its own", serveTLS(t), clean, "vuln: skipped, because ", false, 0},
		{"no files", "file://" + t.TempDir(), clean, "vuln: failed: ", false, 1},
		{"no address", "", clean, "vuln: failed: ", false, 1},
		{"no URL", "vuln.go.dev", clean, "vuln: failed: ", false, 1},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			report := filepath.Join(t.TempDir(), "vuln")
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"-db", tt.db, "-report", report, "--"}, tt.command...), &stdout, &stderr)
			lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
			last := lines[len(lines)-1]
			if code != tt.code || !strings.HasPrefix(last, tt.outcome) {
				t.Errorf("got %d, %q, want %d, %q", code, last, tt.code, tt.outcome)
			}
			if scanned := lines[0] == "scanned"; scanned != tt.scanned {
				t.Errorf("scanned: %t, want %t", scanned, tt.scanned)
			}
			if written, err := os.ReadFile(report); err != nil || string(written) != last+"\n" {
				t.Errorf("the report is %q, %v, want the last line", written, err)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"-h": 0, "-db http://127.0.0.1": 2, "-x": 2} {
		var output bytes.Buffer
		if got := run(t.Context(), strings.Fields(args), &output, &output); got != want || output.Len() == 0 {
			t.Errorf("%q: got %d, want %d: %s", args, got, want, output.String())
		}
	}
}

func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	var output bytes.Buffer
	if got := run(t.Context(), []string{"-db", silent(t), "-report", t.TempDir(), "--", "true"}, &output, &output); got != 1 {
		t.Errorf("got %d, want 1: %s", got, output.String())
	}
}

func serve(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/index/db.json" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func serveTLS(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the client that does not believe it
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func inFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "index"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index", "db.json"), []byte(`{"modified":"2026-11-28T12:00:00Z"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// silent returns the URL of a server that closes each connection.
func silent(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}
