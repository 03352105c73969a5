//go:build e2e

package snippets_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// greeting is the first message of every server in the document.
const greeting = `{"type":"hello","userId":"alice"}`

// backend is a server of the document.
type backend struct {
	// command makes the command of a server that asks the wsticket at an address.
	command func(t *testing.T, internal, listen string) *exec.Cmd
	// foreign is the answer to a foreign origin. The one in Go checks it itself.
	foreign string
}

// TestBackendServers runs the servers of the document, in their good and their bad cases.
func TestBackendServers(t *testing.T) {
	h := newHouse(t)
	for language, server := range map[string]backend{
		"go": {goServer, "403"}, "python": {pythonServer, "401"}, "js": {nodeServer, "401"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Run("tickets", func(t *testing.T) { server.tickets(t, h) })
			t.Run("without wsticket", server.withoutWsticket)
			t.Run("key", func(t *testing.T) { server.key(t, h) })
		})
	}
}

// tickets: the server accepts each valid ticket once, and nothing else.
func (b backend) tickets(t *testing.T, h house) {
	listen := testenv.FreeAddr(t)
	log := b.start(t, h.internal, listen)
	token := h.issue(t, page)
	for _, row := range []struct{ rule, ticket, origin, want string }{
		{"a ticket", token, page, greeting},
		{"the same again", token, page, "401"},
		{"an unknown ticket", strange, page, "401"},
		{"a page's ticket from another", h.issue(t, page), "https://evil.example", b.foreign},
		{"a program's ticket", h.issue(t, ""), "", greeting},
	} {
		if got := greeted(t, listen, "chat.example.com", row.ticket, row.origin); got != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
		}
	}
	for _, path := range []string{"//", "//ws?ticket=" + strange, "/other?ticket=" + strange} {
		if got := handshakeStatus(t, listen, path); got != "404" {
			t.Errorf("%s: got %s, want 404", path, got)
		}
	}
	if got := greeted(t, listen, "chat.example.com", h.issue(t, page), page); got != greeting {
		t.Errorf("after all of them: got %q, want %q", got, greeting)
	}
	if strings.Contains(log.String(), token) {
		t.Errorf("it printed a ticket:\n%s", log)
	}
}

// withoutWsticket: the server refuses everybody with 503 while wsticket does not answer, and
// says why.
func (b backend) withoutWsticket(t *testing.T) {
	for rule, row := range map[string]struct{ internal, says string }{
		"nobody is there":     {"http://" + testenv.FreeAddr(t), "refused"},
		"the store is away":   {answering(t, 503, "application/problem+json", `{"code":"unavailable"}`), "503"},
		"it is somebody else": {answering(t, 404, "text/html", "<html>"), "404"},
	} {
		listen := testenv.FreeAddr(t)
		log := b.start(t, row.internal, listen)
		before := len(log.String())
		if got := greeted(t, listen, "chat.example.com", strange, page); got != "503" {
			t.Errorf("%s: got %q, want 503", rule, got)
		}
		test.Wait(t, rule+": the server says "+row.says, func() bool {
			return strings.Contains(strings.ToLower(log.String()[before:]), row.says)
		})
	}
}

// key: the server ends at once if its key is missing or wrong.
func (b backend) key(t *testing.T, h house) {
	for key, says := range map[string]string{"": "WSTICKET_KEY", strings.Repeat("0", 64): "401"} {
		cmd := b.command(t, strings.TrimPrefix(h.internal, "http://"), testenv.FreeAddr(t))
		cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+key)
		if code, said := ended(t, cmd); code != 1 || !strings.Contains(said, says) {
			t.Errorf("with the key %q: ended with %d and said %s, want 1 and %s", key, code, said, says)
		}
	}
}

// TestBackendsPage pastes the blocks of the page: wsticket with a key, the server in
// Python, and a client.
func TestBackendsPage(t *testing.T) {
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Dir(testenv.NeedPython(t, "aiohttp")))
	listen, internal, public := testenv.FreeAddr(t), testenv.FreeAddr(t), testenv.FreeAddr(t)
	paste := func(language string) string {
		return strings.NewReplacer(
			`public:  {url: "http://localhost:8080"}`, `public:  {listen: "`+public+`", url: "http://localhost:`+port(t, public)+`"}`,
			"9000", port(t, listen), "8081", port(t, internal), "8080", port(t, public),
		).Replace(block(t, "backends.md", language))
	}
	user.paste(t, paste("sh step"))
	writeFile(t, filepath.Join(user.dir, "chat"), "consume.py", paste("python consume"))
	writeFile(t, filepath.Join(user.dir, "chat"), "server.py", paste("python server"))
	user.pasteAndLeave(t, paste("sh server"))
	awaitListener(t, internal)
	user.pasteAndLeave(t, paste("sh python"))
	awaitListener(t, listen)
	answer := user.pasteAndLeave(t, paste("sh try"))
	test.Wait(t, "the greeting of alice", func() bool { return strings.Contains(answer.String(), `"alice"`) })
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a server until the test ends, and returns what it prints.
func (b backend) start(t *testing.T, internal, listen string) *test.Output {
	t.Helper()
	cmd, log := b.command(t, strings.TrimPrefix(internal, "http://"), listen), new(test.Output)
	cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+backendKey)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", log)
		}
	})
	awaitListener(t, listen)
	return log
}

func goServer(t *testing.T, internal, listen string) *exec.Cmd {
	text := strings.ReplaceAll(consumeBlock(t, "go remote", internal), "127.0.0.1:9000", listen)
	return goBuild(t, writeFile(t, t.TempDir(), "main.go", text))
}

func nodeServer(t *testing.T, internal, listen string) *exec.Cmd {
	dir, node := t.TempDir(), testenv.NeedNode(t, packages)
	testenv.LinkNode(t, packages, dir)
	writeFile(t, dir, "consume.mjs", consumeBlock(t, "js consume", internal))
	text := strings.Replace(block(t, "backends.md", "js server"), "9000", port(t, listen), 1)
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "server.mjs", text))
}

func pythonServer(t *testing.T, internal, listen string) *exec.Cmd {
	dir, python := t.TempDir(), testenv.NeedPython(t, "aiohttp")
	writeFile(t, dir, "consume.py", consumeBlock(t, "python consume", internal))
	text := strings.Replace(block(t, "backends.md", "python server"), "9000", port(t, listen), 1)
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "server.py", text))
}
