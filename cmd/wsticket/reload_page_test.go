package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pasted runs a block of a page in a shell, in a folder, beside a process.
type pasted struct {
	*reloaded

	dir   string
	tried map[string]bool
}

// paste runs a block and returns what it prints.
func (p *pasted) paste(t *testing.T, page, name string) string {
	t.Helper()
	_, behind, found := strings.Cut(mustRead(t, "../../docs/"+page), "```sh "+name+"\n")
	if !found {
		t.Fatalf("docs/%s has no block %q", page, name)
	}
	block, _, _ := strings.Cut(behind, "\n```")
	p.tried[page+" "+name] = true
	if err := os.WriteFile(filepath.Join(p.dir, "wsticket.log"), []byte(p.stderr.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", block)
	cmd.Dir = p.dir
	cmd.Env = append(p.cmd.Env, "PATH="+p.dir+":"+os.Getenv("PATH"), "PID="+fmt.Sprint(p.cmd.Process.Pid),
		"INTERNAL=http://"+p.internal, "WSTICKET_KEY_FILE=ops.key")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docs/%s, %s: %v\n%s", page, name, err, out)
	}
	return string(out)
}

// TestReloadPage pastes each block of docs/reload.md, and those of docs/upgrade.md about
// seal keys, beside a process with a WebSocket that stays.
func TestReloadPage(t *testing.T) {
	idp := newProvider(t)
	file, keyFile := idp.operated(t)
	dir := t.TempDir()
	for from, to := range map[string]string{file: "wsticket.yaml", keyFile: "ops.key", idp.seal: "seal.keys"} {
		put(t, filepath.Join(dir, to), mustRead(t, from))
	}
	file = filepath.Join(dir, "wsticket.yaml")
	edit(t, file, idp.seal, "seal.keys")
	edit(t, file, "\norigins:", fmt.Sprintf("\n  - {issuer: \"https://old.example.com\", audience: [ws], algorithms: [RS256], public_key_file: %q}\nidentity: {headers: {sub: X-User, iss: X-Issuer}}\norigins:", idp.public))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "wsticket")); err != nil {
		t.Fatal(err)
	}
	p := &pasted{startReloaded(t, file), dir, map[string]bool{}}
	bearer := idp.bearer(t, "alice")
	open, _, _ := dial(t, issue(t, p.public, bearer).URL, nil)
	reload := func() {
		t.Helper()
		if got := p.paste(t, "reload.md", "check"); !strings.Contains(got, "good") {
			t.Errorf("check: %s", got)
		}
		p.paste(t, "reload.md", "reload")
		p.awaitReload(t)
	}
	for _, step := range []string{"seal-keys", "seal-first", "seal-only"} {
		made := issue(t, p.public, bearer)
		p.paste(t, "upgrade.md", step)
		reload()
		if step == "seal-only" { // too early for this ticket, as the page says
			made = issue(t, p.public, bearer)
		}
		if _, hello, _ := dial(t, made.URL, nil); hello.UserID != "alice" {
			t.Errorf("%s: greeted as %+v, want alice", step, hello)
		}
	}
	if lines := strings.Count(mustRead(t, filepath.Join(dir, "seal.keys")), "\n"); lines != 1 {
		t.Errorf("seal.keys has %d lines at the end, want 1", lines)
	}

	digest := strings.TrimSpace(p.paste(t, "reload.md", "key"))
	edit(t, file, "{name: ops,", fmt.Sprintf("{name: ops, sha256: %q, scopes: [revoke]}, {name: ops,", digest))
	text := mustRead(t, file)
	at := strings.Index(text, `  - {issuer: "https://old.`)
	put(t, file, text[:at]+text[strings.Index(text, "identity:"):])
	reload()
	put(t, filepath.Join(dir, "ops.key"), mustRead(t, filepath.Join(dir, "chat.key.new")))
	if got := p.paste(t, "reload.md", "end"); !strings.Contains(got, "revoked ") {
		t.Errorf("end: %s", got)
	}
	if got := p.paste(t, "reload.md", "log"); strings.Count(got, "the settings were reloaded") != 3 || !strings.Contains(got, `"changed":["internal.api_keys","issuers"]`) {
		t.Errorf("log: %s", got)
	}
	got := p.paste(t, "reload.md", "metrics")
	for _, series := range []string{`wsticket_reloads_total{result="success"} 4`, "wsticket_config_last_reload_successful 1", "wsticket_config_info{hash=", "wsticket_config_last_reload_success_timestamp_seconds 1"} {
		if !strings.Contains(got, series) {
			t.Errorf("metrics: no %s in\n%s", series, got)
		}
	}
	echoes(t, open)
	for _, found := range regexp.MustCompile("(?m)^```sh ?(.*)$").FindAllStringSubmatch(mustRead(t, "../../docs/reload.md"), -1) {
		if !p.tried["reload.md "+found[1]] {
			t.Errorf("nobody tries the block %q", found[1])
		}
	}
}
