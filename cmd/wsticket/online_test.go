package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// TestCheckConfigOnline asks real services, which are there in the first run.
// Each row of the second breaks one of them.
func TestCheckConfigOnline(t *testing.T) {
	redis, idp := testenv.Redis(t), newProvider(t)
	status := func(code int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	nobody := "http://" + testenv.FreeAddr(t)
	settings := func(lookup string) []string {
		return []string{
			"check-config", "--online", "--config", idp.config(t, redis.URL()), "--set", "ws.upstream=" + status(404),
			"--set", "session.cookie=sid", "--set", "session.lookup_url=" + lookup, "--set", issuerHeader,
		}
	}
	out, _, err := runIn(t, nil, settings(status(401)+"/?key=secret-marker")...)
	if err != nil || strings.Contains(out, "secret-marker") {
		t.Errorf("check-config --online = %v\n%s", err, out)
	}
	for _, want := range []string{
		"the configuration is good\n", "ok      store.url: redis at " + redis.Addr() + ", version ", "evicts nothing",
		"ok      issuer https://id.example.com: 1 keys from its file: no kid (RS256)",
		"ok      ws.upstream: http://127.0.0.1", "answers GET / with status 404", "ok      session.lookup_url: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, row := range []struct {
		rule, want string
		lookup     string
		more       []string
	}{
		{"an application that is away", "ws.upstream: " + nobody + ": connection refused", status(401), set("ws.upstream=" + nobody)},
		{"an application that confirms every session", "session.lookup_url: ", jsonOf(t, `{"sub":"everybody"}`), nil},
		{"one that is not there", "session_unreachable, lookup=" + nobody + ", cause=connection refused", nobody, nil},
		{"one that answers something else", "lookup_status=500", status(500), nil},
		{"an application behind a socket that is not there", "ws.upstream: unix:/nowhere: there is no such socket", status(401), set("ws.upstream=unix:/nowhere")},
		{"an issuer that is away", "issuer a: 0 keys from " + nobody + "/jwks: ", status(401), set("issuers=[{issuer: a, audience: [b], jwks_url: \"" + nobody + "/jwks\", insecure_allow_private_network: true}]")},
		{"a store that is away", "store.url: redis at " + strings.TrimPrefix(nobody, "http://") + ": connection refused", status(401), set("store.url=redis://" + strings.TrimPrefix(nobody, "http://"))},
		{"a store without that database", "there is no database of that number", status(401), set("store.url=" + redis.URL() + "/99" + patientStore)},
		{"a database that is away", "database.url: 127.0.0.1:1: ", status(401), set("database.url=postgres://u@127.0.0.1:1/d?sslmode=disable")},
		{"a database without tables", "wsticket migrate up", status(401), set("database.url=sqlite:" + filepath.Join(t.TempDir(), "trail.db"))},
		{"a store without TLS", "does the server speak TLS", status(401), set("store.url=rediss://" + redis.Addr() + "?timeout=2s")},
	} {
		args := settings(row.lookup)
		for _, setting := range row.more {
			args = append(args, "--set", setting)
		}
		out, _, err := runIn(t, nil, args...)
		if err == nil || strings.Count(out, "FAILED") != 1 || !strings.Contains(out, "FAILED  ") || !strings.Contains(out, row.want) {
			t.Errorf("%s: got %v\n%s\nwant one failure that says %q", row.rule, err, out, row.want)
		}
	}
}

// jsonOf serves a text as JSON.
func jsonOf(t *testing.T, text string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestPathsAreRelativeToTheFile: also from another folder, and by the example of
// docs/configuration.md.
func TestPathsAreRelativeToTheFile(t *testing.T) {
	idp, dir := newProvider(t), t.TempDir()
	for from, to := range map[string]string{idp.public: "issuer.pub.pem", idp.seal: "seal.keys"} {
		if err := os.Link(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	text := "ticket: {seal_key_file: seal.keys}\nissuers: [{issuer: \"https://id.example.com\", audience: ws, public_key_file: ./issuer.pub.pem}]\n"
	file := filepath.Join(dir, "wsticket.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runIn(t, nil, "check-config", "--config", file); err != nil {
		t.Errorf("check-config from another folder = %v", err)
	}
	// The other layers are the user's shell, where names are relative to its folder.
	_, _, err := runIn(t, nil, "check-config", "--config", file, "--set", "ticket.seal_key_file=seal.keys")
	here, _ := os.Getwd()
	if err == nil || !strings.Contains(err.Error(), "ticket.seal_key_file: no such file: "+filepath.Join(here, "seal.keys")) {
		t.Errorf("--set with a relative name = %v, want it to be looked up in %s", err, here)
	}
}

// TestConfigurationFromStandardInput: it is in no folder, also if a shell has
// opened a file for it.
func TestConfigurationFromStandardInput(t *testing.T) {
	file, err := os.Open(test.WriteFile(t, "wsticket.yaml", "ticket: {seal_key_file: seal.keys}"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	_, _, err = runIn(t, nil, "check-config", "--config", fmt.Sprint("/dev/fd/", file.Fd()))
	here, _ := os.Getwd()
	if err == nil || !strings.Contains(err.Error(), "no such file: "+filepath.Join(here, "seal.keys")) {
		t.Errorf("check-config = %v, want seal.keys to be looked up in %s", err, here)
	}
}

// A file with a secret that every user can read is a warning and no fault.
func TestModesOfSecretFiles(t *testing.T) {
	idp := newProvider(t)
	args := []string{"check-config", "--config", idp.config(t, "memory:")}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o440: "", 0o644: "(mode 0644): chmod 600 " + idp.seal, 0o660: "(mode 0660)"} {
		if err := os.Chmod(idp.seal, mode); err != nil {
			t.Fatal(err)
		}
		out, errs, err := runIn(t, nil, args...)
		if err != nil || out != "the configuration is good\n" || (errs == "") != (want == "") || !strings.Contains(errs, want) {
			t.Errorf("mode %o: got %q, %q, %v, want a warning with %q", mode, out, errs, err, want)
		}
	}
}

// TestListenersSayWhatIsWrong: a port that another program has.
func TestListenersSayWhatIsWrong(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a port that is taken
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	file := newProvider(t).config(t, "memory:")
	refusesToStart(t, "public.listen: another program listens there already", "--config", file, "--public", ln.Addr().String())
}

// TestTokenWarnsOfARefusal: what serve with this file would say, before anybody
// asks it.
func TestTokenWarnsOfARefusal(t *testing.T) {
	idp := newProvider(t)
	file := idp.config(t, "memory:")
	published := test.WriteFile(t, "wsticket.yaml", "issuers: [{issuer: a, audience: [ws], discovery: false, jwks_url: \"https://id.example.com/jwks\", algorithms: [RS256, ES256], jwks_max_age: 2h}]")
	for _, row := range []struct {
		rule, file, want string
		args             []string
	}{
		{"a good one", file, "", nil},
		{"another issuer", file, "bearer_issuer", []string{"--issuer", "https://x.example"}},
		{"another audience", file, "bearer_audience", []string{"--audience", "x"}},
		{"too long a life", file, "bearer_lifetime", []string{"--ttl", "48h"}},
		{"more than a bearer may have", file, "bearer_malformed, bytes=", []string{"--claim", "x=" + strings.Repeat("x", 9000)}},
		{"no typ", file, "", []string{"--type", ""}},
		{"another kind of token", file, "bearer_type", []string{"--type", "logout+jwt"}},
		{"keys that are behind a URL", published, "", nil},
		{"another algorithm than those", published, "PS256", []string{"--algorithm", "PS256"}},
	} {
		out, errs, err := runIn(t, nil, append([]string{"token", "--sub", "a", "--key", idp.private, "--config", row.file}, row.args...)...)
		if err != nil || strings.Count(out, ".") != 2 || (errs == "") != (row.want == "") || !strings.Contains(errs, row.want) {
			t.Errorf("%s: got %v, %q, want a bearer and a warning with %q", row.rule, err, errs, row.want)
		}
	}
}
