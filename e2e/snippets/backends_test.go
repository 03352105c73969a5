//go:build e2e

package snippets_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

const (
	backendKey = "5f0c1e2d3b4a59687786950a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e"
	page       = "https://app.example.com"
	// strange is a ticket that was never issued.
	strange = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"
)

// house is a wsticket that knows a backend's key, and the bearer of a user.
type house struct {
	addresses
	bearer string
}

func newHouse(t *testing.T) house {
	t.Helper()
	program, dir := buildServer(t), t.TempDir()
	key := newP256(t)
	private, public := writeFile(t, dir, "issuer.pem", privatePEM(t, key)), writeFile(t, dir, "issuer.pub.pem", publicPEM(t, key))
	digest := sha256.Sum256([]byte(backendKey))
	h := house{addresses: serve(
		t, program,
		"--set", "issuers=[{issuer: \"https://id.example.com\", audience: [ws], algorithms: [ES256], public_key_file: "+public+"}]",
		"--set", "internal.api_keys=[{name: chat, sha256: \""+hex.EncodeToString(digest[:])+"\", scopes: [consume]}]",
		"--set", "origins="+page, "--set", "ticket.ttl=60s", "--set", "ticket.retry_window=10s", "--set", "limits.per_address=0",
	)}
	out, err := exec.CommandContext(t.Context(), program, "token", "--sub", "alice", "--key", private,
		"--issuer", "https://id.example.com", "--audience", "ws").Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	h.bearer = strings.TrimSpace(string(out))
	return h
}

// issue gets a ticket for a page, or for a program if the origin is empty.
func (h house) issue(t *testing.T, origin string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.public+"/ws-ticket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.bearer)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var issued struct{ Ticket string }
	if err := json.NewDecoder(res.Body).Decode(&issued); err != nil || issued.Ticket == "" {
		t.Fatalf("issue: got %d, %v, want a ticket", res.StatusCode, err)
	}
	return issued.Ticket
}

// shown is what a backend presents to wsticket.
type shown struct {
	Ticket  string `json:"ticket"`
	Attempt string `json:"attempt"`
	Origin  string `json:"origin"`
}

type consumeCase struct {
	rule string
	shown
	want string // "alice", "refused" or "unknown"
}

func (h house) cases(t *testing.T) []consumeCase {
	t.Helper()
	one, bound, foreign, free := h.issue(t, page), h.issue(t, page), h.issue(t, page), h.issue(t, "")
	return []consumeCase{
		{"a ticket", shown{one, "a-1", page}, "alice"},
		{"the same attempt", shown{one, "a-1", page}, "alice"},
		{"another attempt", shown{one, "a-2", page}, "refused"},
		{"an unknown ticket", shown{strange, "a-3", page}, "refused"},
		{"no ticket", shown{"x", "a-4", page}, "refused"},
		{"a page's ticket without its origin", shown{bound, "a-5", ""}, "refused"},
		{"from a foreign page", shown{foreign, "a-6", "https://evil.example"}, "refused"},
		{"a program's ticket", shown{free, "a-7", ""}, "alice"},
		{"an attempt that is none", shown{free, "a b", ""}, "unknown"},
	}
}

// TestConsumeSnippets runs the program of each language: it accepts valid tickets, and
// none if wsticket does not know its key or is not running.
func TestConsumeSnippets(t *testing.T) {
	h := newHouse(t)
	for language, prepare := range map[string]func(*testing.T, string) *exec.Cmd{
		"go": goConsume, "js": nodeConsume, "python": pythonConsume, "curl": curlConsume,
	} {
		t.Run(language, func(t *testing.T) {
			ask := func(internal, key string, cases []consumeCase) {
				t.Helper()
				cmd := prepare(t, strings.TrimPrefix(internal, "http://"))
				cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+key)
				all := make([]shown, len(cases))
				for n, c := range cases {
					all[n] = c.shown
				}
				for n, verdict := range run(t, cmd, all) {
					got := fmt.Sprint(verdict)
					if grant, ok := verdict.(map[string]any); ok && grant["active"] == true && grant["iss"] == "https://id.example.com" {
						got = fmt.Sprint(grant["sub"])
					}
					if got != cases[n].want {
						t.Errorf("%s: got %v, want %s", cases[n].rule, verdict, cases[n].want)
					}
				}
			}
			cases := h.cases(t)
			if language == "curl" {
				cases = cases[:4] // its origin is that of the document
			}
			ask(h.internal, backendKey, cases)
			lost := []consumeCase{{"with a wrong key", shown{h.issue(t, page), "a-1", page}, "unknown"}}
			ask(h.internal, strings.Repeat("0", 64), lost)
			lost[0].rule = "without a server"
			ask("http://"+testenv.FreeAddr(t), backendKey, lost)
		})
	}
}

// consumeBlock returns a block of the document with the address of the test's wsticket.
func consumeBlock(t *testing.T, language, internal string) string {
	t.Helper()
	text := strings.ReplaceAll(block(t, "backends.md", language), "127.0.0.1:8081", internal)
	host, port, err := net.SplitHostPort(internal)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, `"127.0.0.1", 8081`, fmt.Sprintf("%q, %s", host, port))
}

func goConsume(t *testing.T, internal string) *exec.Cmd {
	dir := t.TempDir()
	snippet := writeFile(t, dir, "snippet.go", consumeBlock(t, "go consume", internal))
	return exec.CommandContext(t.Context(), "go", "run", snippet, writeFile(t, dir, "main.go", read(t, "testdata/consume.go")))
}

func nodeConsume(t *testing.T, internal string) *exec.Cmd {
	dir, node := t.TempDir(), testenv.Need(t, "node")
	writeFile(t, dir, "snippet.mjs", consumeBlock(t, "js consume", internal))
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "main.mjs", read(t, "testdata/consume.mjs")))
}

func pythonConsume(t *testing.T, internal string) *exec.Cmd {
	dir, python := t.TempDir(), testenv.Need(t, "python3")
	writeFile(t, dir, "snippet.py", consumeBlock(t, "python consume", internal))
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "main.py", read(t, "testdata/consume.py")))
}

// curlConsume runs the lines for each case. Anything but a verdict is unknown.
func curlConsume(t *testing.T, internal string) *exec.Cmd {
	testenv.Need(t, "curl")
	dir := t.TempDir()
	lines := writeFile(t, dir, "snippet.sh", consumeBlock(t, "bash consume", internal))
	// A Python program reads the cases and collects the answers.
	main := `
import json, os, subprocess, sys
open("chat.key", "w").write(os.environ["WSTICKET_KEY"] + "\n")
out = []
for case in json.load(sys.stdin):
    env = dict(os.environ, TICKET=case["ticket"], ATTEMPT=case["attempt"])
    answer = subprocess.run(["bash", "` + lines + `"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    try:
        grant = json.loads(answer)
        out.append((grant if grant["active"] else "refused"))
    except Exception:
        out.append("unknown")
json.dump(out, sys.stdout)
`
	cmd := exec.CommandContext(t.Context(), testenv.Need(t, "python3"), "-B", writeFile(t, dir, "main.py", main))
	cmd.Dir = dir
	return cmd
}

// TestBackendServers runs the servers of the document: they accept each valid ticket
// once, and nothing else.
func TestBackendServers(t *testing.T) {
	h := newHouse(t)
	for name, prepare := range map[string]func(t *testing.T, internal, listen string) *exec.Cmd{"go": goServer, "js": nodeServer} {
		// ws.Handler checks the origin before it redeems.
		foreign := map[string]string{"go": "403", "js": "401"}[name]
		t.Run(name, func(t *testing.T) {
			listen := testenv.FreeAddr(t)
			cmd := prepare(t, strings.TrimPrefix(h.internal, "http://"), listen)
			cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+backendKey)
			background(t, cmd)
			awaitListener(t, listen)
			token := h.issue(t, page)
			for _, row := range []struct{ rule, ticket, origin, want string }{
				{"a ticket", token, page, "hello alice"},
				{"the same again", token, page, "401"},
				{"an unknown ticket", strange, page, "401"},
				{"a page's ticket from another", h.issue(t, page), "https://evil.example", foreign},
			} {
				if got := greeted(t, listen, "chat.example.com", row.ticket, row.origin); got != row.want {
					t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
				}
			}
		})
	}
}

func goServer(t *testing.T, internal, listen string) *exec.Cmd {
	dir := t.TempDir()
	text := strings.ReplaceAll(consumeBlock(t, "go remote", internal), "127.0.0.1:9000", listen)
	program := filepath.Join(dir, "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, writeFile(t, dir, "main.go", text)).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return exec.CommandContext(t.Context(), program)
}

func nodeServer(t *testing.T, internal, listen string) *exec.Cmd {
	dir := nodeModules(t)
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "consume.mjs", consumeBlock(t, "js consume", internal))
	text := strings.Replace(block(t, "backends.md", "js server"), "9000", port, 1)
	return exec.CommandContext(t.Context(), testenv.Need(t, "node"), writeFile(t, dir, "server.mjs", text))
}

// background runs a server until the test ends.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", &said)
		}
	})
}

// awaitListener waits until a server listens at an address.
func awaitListener(t *testing.T, addr string) {
	t.Helper()
	test.Wait(t, "a server listens at "+addr, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// greeted presents a ticket to a host and returns the first message, or the status of
// a refusal.
func greeted(t *testing.T, addr, host, ticket, origin string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := &websocket.DialOptions{Host: host, HTTPHeader: http.Header{}}
	if origin != "" {
		options.HTTPHeader.Set("Origin", origin)
	}
	conn, res, err := websocket.Dial(ctx, "ws://"+addr+"/ws?ticket="+ticket, options) //nolint:bodyclose // not needed, says Dial
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode)
	}
	defer func() { _ = conn.CloseNow() }()
	_, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
