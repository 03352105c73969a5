package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// reloaded is a process whose configuration changes.
type reloaded struct {
	*process

	file       string // of the configuration
	generation int
}

// startReloaded starts serve with the configuration, which is not watched unless a test
// says so.
func startReloaded(t testing.TB, file string, flags ...string) *reloaded {
	t.Helper()
	return &reloaded{process: start(t, append([]string{"serve", "--config", file, "--set", "reload.watch=0s"}, flags...)...), file: file}
}

// edit replaces a part of a file as an editor does: by a new file of the same name.
func edit(t testing.TB, file, part, by string) {
	t.Helper()
	text := mustRead(t, file)
	if !strings.Contains(text, part) {
		t.Fatalf("%s has no %q:\n%s", file, part, text)
	}
	put(t, file, strings.Replace(text, part, by, 1))
}

// put replaces a file.
func put(t testing.TB, file, text string) {
	t.Helper()
	next := file + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
}

// reload sends SIGHUP and returns the line of the log that says what has changed.
func (p *reloaded) reload(t testing.TB) string {
	t.Helper()
	hangUp(t, p.process)
	return p.awaitReload(t)
}

// hangUp sends SIGHUP.
func hangUp(t testing.TB, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// awaitReload waits for a reload.
func (p *reloaded) awaitReload(t testing.TB) string {
	t.Helper()
	p.generation++
	return p.stderr.WaitFor(t, "the settings were reloaded", fmt.Sprintf(`"generation":%d,`, p.generation))
}

// issueFrom asks for a ticket for a page of an origin, at a host.
func (p *process) issueFrom(t testing.TB, bearer, origin, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.public+"/ws-ticket", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+bearer)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req).status
}

// TestReload: what may call, from where and how often changes for the next request, and
// a socket that is open does not notice.
func TestReload(t *testing.T) {
	idp, other := newProvider(t), newProvider(t)
	p := startReloaded(t, idp.config(t, "memory:"))
	open, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
	wants := func(rule string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", rule, got, want)
		}
	}
	const app, shop = "https://app.example.com", "https://shop.example.com"
	wants("an origin of later", p.issueFrom(t, idp.bearer(t, "alice"), shop, "localhost"), http.StatusForbidden)
	wants("a host of later", p.issueFrom(t, idp.bearer(t, "alice"), app, "ws.example.com"), http.StatusMisdirectedRequest)
	wants("a key of later", p.consume(t, chatKey, `{"ticket":"x"}`).status, http.StatusUnauthorized)

	edit(t, p.file, app, shop)
	edit(t, p.file, "hosts: [127.0.0.1, localhost]", "hosts: [127.0.0.1, ws.example.com]")
	edit(t, p.file, `internal: {`, fmt.Sprintf(`internal: {api_keys: [{name: chat, sha256: %q, scopes: [consume]}], `, digestOf(chatKey)))
	line := p.reload(t)
	for _, key := range []string{`"origins"`, `"public.hosts"`, `"internal.api_keys"`, `"signal":"SIGHUP"`, `"config_hash":"`} {
		if !strings.Contains(line, key) {
			t.Errorf("the log has no %s: %s", key, line)
		}
	}
	wants("the new origin and the new host", p.issueFrom(t, idp.bearer(t, "alice"), shop, "ws.example.com"), http.StatusCreated)
	wants("the old origin", p.issueFrom(t, idp.bearer(t, "alice"), app, "ws.example.com"), http.StatusForbidden)
	wants("the old host", p.issueFrom(t, idp.bearer(t, "alice"), shop, "localhost"), http.StatusMisdirectedRequest)
	wants("the new key", p.consume(t, chatKey, `{"ticket":"x"}`).status, http.StatusOK)

	edit(t, p.file, digestOf(chatKey), digestOf(otherKey))
	edit(t, p.file, "hosts: [127.0.0.1, ws.example.com]", "hosts: [127.0.0.1]")
	put(t, idp.public, mustRead(t, other.public))
	p.reload(t)
	wants("the key of an issuer that was replaced", p.issueFrom(t, idp.bearer(t, "alice"), "", "127.0.0.1"), http.StatusUnauthorized)
	wants("its new key", p.issueFrom(t, other.bearer(t, "alice"), "", "127.0.0.1"), http.StatusCreated)
	wants("the key that was removed", p.consume(t, chatKey, `{"ticket":"x"}`).status, http.StatusUnauthorized)
	wants("the one in its place", p.consume(t, otherKey, `{"ticket":"x"}`).status, http.StatusOK)

	edit(t, p.file, "per_subject: 1000/s", "per_subject: 1/h")
	p.reload(t)
	wants("within the new limit", p.issueFrom(t, other.bearer(t, "bob"), "", "127.0.0.1"), http.StatusCreated)
	wants("beyond it", p.issueFrom(t, other.bearer(t, "bob"), "", "127.0.0.1"), http.StatusTooManyRequests)

	echoes(t, open)
	p.hasMetrics(t, `wsticket_reloads_total{result="success"} 3`, `wsticket_reloads_total{result="failure"} 0`, "wsticket_config_last_reload_successful 1")
}

// TestReloadOfAnIssuer: connections of an issuer that was removed stay, and can be ended.
func TestReloadOfAnIssuer(t *testing.T) {
	idp := newProvider(t)
	file, keyFile := idp.operated(t)
	second := `  - {issuer: "https://other.example.com", audience: [ws], algorithms: [RS256], public_key_file: "` + idp.public + `"}`
	edit(t, file, "\norigins:", "\n"+second+"\nidentity: {headers: {sub: X-User, iss: X-Issuer}}\norigins:")
	p := startReloaded(t, file)
	bearer := idp.bearer(t, "alice")
	open, _, _ := dial(t, issue(t, p.public, bearer).URL, nil)
	text := mustRead(t, file)
	put(t, file, text[:strings.Index(text, "  - {issuer: \"https://id.")]+text[strings.Index(text, second):])
	p.reload(t)
	if a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, ""); a.status != http.StatusUnauthorized {
		t.Errorf("a bearer of an issuer that was removed = %d, want 401", a.status)
	}
	echoes(t, open)
	revoke := []string{"revoke", "--url", "http://" + p.internal, "--key-file", keyFile, "--iss", "https://id.example.com", "--everybody"}
	if out, said, err := runIn(t, nil, revoke...); err != nil {
		t.Fatalf("revoke of all of the issuer: %v\n%s%s", err, out, said)
	}
	if code := codeOf(t, open); code != 4003 {
		t.Errorf("the connection ended with %d, want 4003", code)
	}
}

// TestFaultyReload: a fault changes nothing, and the log names all of them by their keys,
// as check-config does. What needs a restart is named, and the rest is taken.
func TestFaultyReload(t *testing.T) {
	idp := newProvider(t)
	p := startReloaded(t, idp.config(t, "memory:"))
	bearer := idp.bearer(t, "alice")
	good, seal := mustRead(t, p.file), mustRead(t, idp.seal)
	fail := func(change func(), parts ...string) {
		t.Helper()
		change()
		hangUp(t, p.process)
		line := p.stderr.WaitFor(t, append(parts, `"level":"ERROR"`, "the settings were not reloaded")...)
		_, said, err := runIn(t, nil, "check-config", "--config", p.file)
		if err == nil {
			t.Errorf("check-config likes what was refused: %s%s", line, said)
		}
		if a := p.issueFrom(t, bearer, "https://app.example.com", "localhost"); a != http.StatusCreated {
			t.Errorf("after %s: got %d, want the settings of before", line, a)
		}
	}
	fail(func() { put(t, p.file, strings.Replace(good, "https://app.example.com", "app", 1)+"tickets: {}\n") }, `"faults":["`, "origins: ", "tickets: ")
	fail(func() { put(t, p.file, "{") }, "not YAML")
	fail(func() { put(t, p.file, good); put(t, idp.seal, "secret-marker\n") }, "ticket.seal_key_file", "line 1")
	fail(func() {
		put(t, idp.seal, seal)
		put(t, p.file, strings.Replace(good, idp.public, idp.public+".gone", 1))
	}, "issuers[0].public_key_file")
	if err := os.Remove(p.file); err != nil {
		t.Fatal(err)
	}
	fail(func() {}, "no such file")
	if strings.Contains(p.stderr.String(), "secret-marker") {
		t.Error("the log has a secret")
	}
	p.hasMetrics(t, `wsticket_reloads_total{result="success"} 0`, `wsticket_reloads_total{result="failure"} 5`, "wsticket_config_last_reload_successful 0")

	// A good file, whose issuers can only go when its session comes, which needs a restart.
	session := "session: {cookie: sid, lookup_url: \"http://127.0.0.1:1/me\"}\nissuers: []\n"
	put(t, p.file, good[:strings.Index(good, "issuers:")]+session+good[strings.Index(good, "origins:"):])
	if _, said, err := runIn(t, nil, "check-config", "--config", p.file); err != nil {
		t.Fatalf("check-config: %v\n%s", err, said)
	}
	hangUp(t, p.process)
	p.stderr.WaitFor(t, "the settings were not reloaded", "issuers: ", "need a restart: session.cookie, session.lookup_url")

	// Two settings that need a restart, and one that does not.
	changed := strings.Replace(good, `public:   {`, `public:   {url: "https://ws.example.com", `, 1)
	put(t, p.file, strings.Replace(changed, "https://app.example.com", "https://shop.example.com", 1)+"ws: {doors: [query]}\n")
	if line := p.reload(t); strings.Contains(line, "ws.doors") || !strings.Contains(line, `"changed":["origins"]`) {
		t.Errorf("the log says %s", line)
	}
	p.stderr.WaitFor(t, `"level":"WARN"`, "need a restart", `"keys":["public.url","ws.doors"]`)
	if a := p.issueFrom(t, bearer, "https://shop.example.com", "localhost"); a != http.StatusCreated {
		t.Errorf("the origin that was taken: got %d", a)
	}
	if _, hello, _ := through(p.public, issue(t, p.public, bearer))["header"](t); hello.UserID != "alice" {
		t.Errorf("the door that stays open: greeted as %+v", hello)
	}
	p.hasMetrics(t, "wsticket_config_last_reload_successful 1")
}

// TestReloadOfChangedFiles: files are replaced in all the ways that they are.
func TestReloadOfChangedFiles(t *testing.T) {
	idp, second, third := newProvider(t), newProvider(t), newProvider(t)
	file := idp.config(t, "memory:")
	// As Kubernetes mounts a Secret: names lead through ..data, which is swapped.
	dir := t.TempDir()
	version := func(name, key string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name, "issuer.pem"), mustRead(t, key))
		next := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(name, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", idp.public)
	if err := os.Symlink(filepath.Join("..data", "issuer.pem"), filepath.Join(dir, "issuer.pem")); err != nil {
		t.Fatal(err)
	}
	edit(t, file, idp.public, filepath.Join(dir, "issuer.pem"))
	p := startReloaded(t, file, "--set", "reload.watch=1s")
	open, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)

	version("..2", second.public)
	if line := p.awaitReload(t); !strings.Contains(line, `"files":"`+filepath.Join(dir, "issuer.pem")+`"`) {
		t.Errorf("the log says %s", line)
	}
	issue(t, p.public, second.bearer(t, "alice"))

	edit(t, file, "https://app.example.com", "https://shop.example.com")
	p.awaitReload(t)
	if a := p.issueFrom(t, second.bearer(t, "alice"), "https://shop.example.com", "localhost"); a != http.StatusCreated {
		t.Errorf("the new origin = %d, want 201", a)
	}

	// A file that is not there yet.
	late := filepath.Join(t.TempDir(), "late.pem")
	edit(t, file, filepath.Join(dir, "issuer.pem"), late)
	p.stderr.WaitFor(t, "the settings were not reloaded", "issuers[0].public_key_file")
	put(t, late, mustRead(t, third.public))
	p.awaitReload(t)
	issue(t, p.public, third.bearer(t, "alice"))
	echoes(t, open)
}

// TestReloadOfAPipe: what came through a pipe is gone.
func TestReloadOfAPipe(t *testing.T) {
	idp := newProvider(t)
	cmd := command(t.Context(), t, "serve", "--config", "/dev/stdin")
	cmd.Stdin = strings.NewReader(mustRead(t, idp.config(t, "memory:")))
	p := launchCommand(t, cmd)
	p.await(t)
	hangUp(t, p)
	p.stderr.WaitFor(t, "the settings were not reloaded", "--config", "restart")
	issue(t, p.public, idp.bearer(t, "alice"))
}

// TestManyReloads: reloads under load lose no socket and refuse nobody.
func TestManyReloads(t *testing.T) {
	idp := newProvider(t)
	unlimited := strings.ReplaceAll(idp.config(t, "memory:"), "1000/s", `"0"`) // or a fast machine is refused
	p := startReloaded(t, unlimited)
	bearer := idp.bearer(t, "alice")
	const callers, reloads = 4, 15
	stop := make(chan struct{})
	ended := make(chan []*websocket.Conn, callers)
	for range callers {
		go func() { // until stop, or the first failure
			var opened []*websocket.Conn
			defer func() { ended <- opened }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, "")
				if a.status != http.StatusCreated {
					t.Errorf("issue during a reload = %d %s", a.status, a.body)
					return
				}
				_, token, _ := strings.Cut(a.body, `"ticket":"`)
				token, _, _ = strings.Cut(token, `"`)
				conn, res, err := websocket.Dial(t.Context(), "ws://"+p.public+"/ws?ticket="+token, nil)
				if err != nil {
					t.Errorf("handshake during a reload: %v (%v)", err, res)
					return
				}
				if opened = append(opened, conn); len(opened) > 50 {
					_ = conn.Close(websocket.StatusNormalClosure, "")
					opened = opened[:50]
				}
			}
		}()
	}
	for n := range reloads {
		edit(t, p.file, "per_address: ", "per_address:  ")
		if n%2 == 0 {
			put(t, idp.seal, string(openssl(t, nil, "rand", "-base64", "32"))+strings.SplitN(mustRead(t, idp.seal), "\n", 2)[0]+"\n")
		}
		p.reload(t)
	}
	close(stop)
	for range callers {
		for _, conn := range <-ended {
			if _, _, err := conn.Read(t.Context()); err != nil { // the greeting
				t.Fatalf("a socket was lost: %v", err)
			}
			echoes(t, conn)
			_ = conn.CloseNow()
		}
	}
	if err := p.stop(t); err != nil || strings.Contains(p.stderr.String(), "DATA RACE") {
		t.Errorf("serve ended with %v", err)
	}
}
