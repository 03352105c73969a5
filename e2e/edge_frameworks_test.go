//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// framework is an application and its client, both with the code of
// docs/frameworks.md and the packages as they are published.
type framework struct {
	name   string
	config string // what precedes the YAML of the page
	// start starts the application and returns its address and what it says: a
	// line for each handshake among others.
	start func(t *testing.T) (addr string, output *test.Output)
	// client is the client as a program, with a bearer as its argument. It prints
	// the lines of want.
	client func(t *testing.T) string
	want   []string
	denied []string // what it prints if its bearer is not accepted
	seen   []string // parts of what the application prints about a handshake
}

func frameworks() []framework {
	return []framework{
		{
			name: "socket.io", config: "Socket.IO", start: startSocketIO, client: socketIOClient, seen: []string{"/socket.io/?", "EIO=4&transport=websocket"},
			// The application ends the first connection.
			want:   []string{"connect_error", "hello alice", "alice: one", "disconnect io server disconnect", "hello alice", "alice: two"},
			denied: []string{"connect_error", "signed out"},
		},
		{
			name: "channels", config: "Django Channels", start: startChannels, client: channelsClient, seen: []string{"/ws/chat/café 1/ "},
			want:   []string{"hello alice, this is café 1", "alice: one", "refused", "hello alice, this is café 1"},
			denied: []string{"no ticket: 401"},
		},
	}
}

// TestEdgeFrameworks runs each framework behind each proxy with its printed
// configuration, and behind wsticket itself.
func TestEdgeFrameworks(t *testing.T) {
	for _, p := range append([]edgeProxy{{name: "sidecar"}}, edgeProxies()...) {
		t.Run(p.name, func(t *testing.T) {
			for _, f := range frameworks() {
				t.Run(f.name, func(t *testing.T) { f.run(t, p) })
			}
		})
	}
}

func (f framework) run(t *testing.T, p edgeProxy) {
	app, said := f.start(t)
	idp := newIssuer(t)
	config := idp.edgeConfig(t, "memory:")
	settings := []string{"ws.path=" + documentedPath(t, f.config)}
	var addr string
	if p.start == nil {
		addr = serve(t, config, append(settings, "ws.upstream=http://"+app)...).public
	} else {
		service := serve(t, config, settings...)
		addr = p.start(t, newPrinter(t, config, service.public, service.internal, app, settings...)).addr
	}
	f.visit(t, addr, idp.bearer(t, "alice"), f.want)
	f.visit(t, addr, "expired", f.denied)
	log := said.String()
	for _, part := range f.seen {
		if !strings.Contains(log, part) {
			t.Errorf("the application got no %q in\n%s", part, log)
		}
	}
	if strings.Contains(log, "wst1_") != p.passive {
		t.Errorf("the application got a ticket or, with Traefik, none:\n%s", log)
	}
}

// visit runs the client against an address and checks the lines that it prints.
func (f framework) visit(t *testing.T, addr, bearer string, want []string) {
	t.Helper()
	code := strings.NewReplacer("https://api.example.com", "http://"+addr, "wss://api.example.com", "ws://"+addr).Replace(f.client(t))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.NeedNode(t, packages), script(t, "client.mjs", code), bearer)
	cmd.Env, cmd.SysProcAttr = []string{}, attributes()
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("the client: %v", err)
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) {
		t.Errorf("the client got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// documentedPath returns the ws.path of a chapter of docs/frameworks.md.
func documentedPath(t *testing.T, chapter string) string {
	t.Helper()
	_, rest, _ := strings.Cut(readFile(t, "../docs/frameworks.md"), "\n## "+chapter+"\n")
	_, text, _ := strings.Cut(rest, "```yaml\n")
	text, _, _ = strings.Cut(text, "```\n")
	var config struct{ WS struct{ Path string } }
	if err := yaml.Unmarshal([]byte(text), &config); err != nil || config.WS.Path == "" {
		t.Fatalf("the configuration of %s: got %q, %v", chapter, text, err)
	}
	return config.WS.Path
}

// script writes a program to a folder in which the npm packages are found.
func script(t *testing.T, name, code string) string {
	t.Helper()
	dir := t.TempDir()
	testenv.LinkNode(t, packages, dir)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// startSocketIO prints each request line, and ends the connection of each user
// once.
func startSocketIO(t *testing.T) (addr string, output *test.Output) {
	t.Helper()
	code := strings.Replace(docBlock(t, "frameworks.md", "js server"), "server.listen(3000, \"127.0.0.1\");", `
server.prependListener("upgrade", (request) => console.log(JSON.stringify({ url: request.url })));
io.on("connection", (socket) => socket.on("leave", () => socket.disconnect(true)));
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
`, 1)
	output = launch(t, "", testenv.NeedNode(t, packages), script(t, "server.mjs", code))
	var listening struct{ Port int }
	if err := json.Unmarshal([]byte(output.WaitFor(t, `"port"`)), &listening); err != nil || listening.Port == 0 {
		t.Fatalf("Socket.IO does not listen: %v", err)
	}
	return fmt.Sprint("127.0.0.1:", listening.Port), output
}

// socketIOClient is refused with the first ticket, which is none, comes back by
// itself, is cut, and comes back again.
func socketIOClient(t *testing.T) string {
	t.Helper()
	return `const accessToken = process.argv[2];
const signedOut = () => console.log("signed out");
const issue = globalThis.fetch;
globalThis.fetch = async () => {
  globalThis.fetch = issue;
  return Response.json({ ticket: "wst1_none" });
};
` + docBlock(t, "frameworks.md", "js client") + `
socket.on("connect_error", () => console.log("connect_error"));
const texts = ["one", "two"];
socket.on("hello", async (user) => {
  console.log("hello", user);
  console.log(await socket.emitWithAck("say", texts.shift()));
  if (texts.length > 0) socket.emit("leave");
  else socket.disconnect();
});
socket.on("disconnect", (reason) => reason !== "io client disconnect" && console.log("disconnect", reason));
`
}

// startChannels runs the application with Daphne. It prints each path and query.
func startChannels(t *testing.T) (addr string, output *test.Output) {
	t.Helper()
	python := testenv.NeedPython(t, "channels", "daphne")
	dir := t.TempDir()
	code := docBlock(t, "frameworks.md", "python channels") + `
documented = application

async def application(scope, receive, send):
    print(scope["path"], scope["query_string"].decode(), flush=True)
    await documented(scope, receive, send)
`
	if err := os.WriteFile(filepath.Join(dir, "chat.py"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	output = launch(t, dir, python, "-B", "-m", "daphne", "-b", "127.0.0.1", "-p", "0", "chat:application")
	_, addr, _ = strings.Cut(output.WaitFor(t, "Listening on TCP address"), "Listening on TCP address ")
	addr = strings.TrimSpace(addr)
	if _, _, err := net.SplitHostPort(addr); err != nil {
		t.Fatalf("Daphne does not listen: %v", err)
	}
	return addr, output
}

// channelsClient joins a room, presents the ticket again, and joins again.
func channelsClient(t *testing.T) string {
	t.Helper()
	return `import WebSocket from "ws";
const accessToken = process.argv[2];
` + docBlock(t, "frameworks.md", "js page") + `
const next = (socket) => new Promise((resolve, reject) => {
  socket.once("message", (data) => resolve(data.toString()));
  socket.once("error", reject);
});
const first = await join("café 1").catch((error) => {
  console.log(error.message);
  process.exit();
});
console.log(await next(first));
first.send("one");
console.log(await next(first));
await next(new WebSocket(first.url)).catch(() => console.log("refused"));
const second = await join("café 1");
console.log(await next(second));
first.close();
second.close();
`
}

// launch starts a program that is stopped when the test ends, and returns its
// output.
func launch(t *testing.T, dir, name string, args ...string) *test.Output {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd, output := exec.CommandContext(ctx, name, args...), new(test.Output)
	cmd.Dir, cmd.Env, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, []string{}, attributes(), output, output
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, output)
		}
	})
	return output
}
