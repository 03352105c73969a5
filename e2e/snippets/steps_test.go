//go:build e2e

package snippets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

const readme = "../README.md"

// TestReadmeSteps pastes each block of README.md into a new terminal.
func TestReadmeSteps(t *testing.T) {
	user := newHome(t)
	user.clone(t)
	for _, language := range []string{"sh build", "sh install"} {
		if got := user.paste(t, block(t, readme, language)); !strings.Contains(got, "wsticket") {
			t.Errorf("%s: printed %q, want the version at the end", language, got)
		}
	}
	for _, program := range []string{"wsticket/bin/wsticket", "go/bin/wsticket"} {
		if _, err := os.Stat(filepath.Join(user.dir, program)); err != nil {
			t.Errorf("~/%s: %v", program, err)
		}
	}
	const listen = `make run ARGS="--public localhost:0 --internal localhost:0"`
	said := user.pasteAndLeave(t, strings.Replace(block(t, readme, "sh run"), "make run", listen, 1))
	// The two lines of the demo.
	lines := said.WaitFor(t, "TICKET=$(curl ") + "\n" + said.WaitFor(t, "curl -sSiN ", "Upgrade: websocket")
	connected := user.pasteAndLeave(t, lines)
	test.Wait(t, "the greeting", func() bool { return strings.Contains(connected.String(), `"type":"hello"`) })
}

// TestServicePage pastes the blocks of docs/service.md: Redis, wsticket and a client.
func TestServicePage(t *testing.T) {
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Dir(testenv.Need(t, "redis-server")))
	public, redis := testenv.FreeAddr(t), testenv.FreeAddr(t)
	paste := func(language string) string {
		return listeningAt(t, public).Replace(strings.ReplaceAll(block(t, "service.md", language), "6379", port(t, redis)))
	}
	user.paste(t, paste("sh step"))
	user.pasteAndLeave(t, paste("sh redis"))
	awaitListener(t, redis)
	user.pasteAndLeave(t, paste("sh server"))
	awaitListener(t, public)
	if got := user.paste(t, paste("sh ticket")); !strings.Contains(got, `"ticket":"wst1_`) {
		t.Errorf("printed %s, want a ticket", got)
	}
}

// TestSidecarPage pastes the blocks of docs/sidecar.md. The last line needs a terminal to
// type in, so the test connects itself.
func TestSidecarPage(t *testing.T) {
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Dir(testenv.NeedNode(t, packages)))
	public, application := testenv.FreeAddr(t), testenv.FreeAddr(t)
	paste := func(language string) string {
		return listeningAt(t, public).Replace(strings.ReplaceAll(block(t, "sidecar.md", language), "3000", port(t, application)))
	}
	before, behind, found := strings.Cut(paste("sh step"), "npm install ws\n")
	if !found {
		t.Fatal("sidecar.md: no line with npm install")
	}
	dir := filepath.Join(user.dir, "wsticket-sidecar")
	user.paste(t, before)
	testenv.LinkNode(t, packages, dir) // instead of a download
	user.paste(t, "cd ~/wsticket-sidecar\n"+behind)
	writeFile(t, dir, "app.mjs", paste("js app"))
	writeFile(t, dir, "wsticket.yaml", paste("yaml sidecar"))
	user.pasteAndLeave(t, paste("sh app"))
	awaitListener(t, application)
	user.pasteAndLeave(t, paste("sh server"))
	awaitListener(t, public)
	before, _, found = strings.Cut(paste("sh try"), "npx ")
	if !found {
		t.Fatal("sidecar.md: no line with npx")
	}
	token := user.paste(t, before+`echo "$TICKET"`)
	if got := greeted(t, public, "localhost:"+port(t, public), token, ""); got != greeting {
		t.Errorf("got %q, want %q", got, greeting)
	}
}

// listeningAt makes the configuration of a page one for an address that is free.
func listeningAt(t *testing.T, public string) *strings.Replacer {
	t.Helper()
	return strings.NewReplacer(
		`public:  {url: "http://localhost:8080"}`,
		`public:  {listen: "`+public+`", url: "http://localhost:`+port(t, public)+`"}`+"\n"+`internal: {listen: "127.0.0.1:0"}`,
		"8080", port(t, public),
	)
}

// TestGuardingPage pastes the blocks of docs/guarding.md: two processes, a connection at
// each, a renewal and a revocation.
func TestGuardingPage(t *testing.T) {
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Dir(testenv.Need(t, "redis-server")))
	user.prefer(filepath.Dir(testenv.NeedNode(t, packages)))
	redis, addresses := testenv.FreeAddr(t), make(map[string]string)
	var ports []string
	for _, fixed := range []string{"8080", "8081", "8090", "8091"} {
		addresses[fixed] = testenv.FreeAddr(t)
		ports = append(ports, fixed, port(t, addresses[fixed]))
	}
	ports = append(ports, "6379", port(t, redis), "public:  {url:", `public:  {listen: "`+addresses["8080"]+`", url:`,
		"  api_keys:", "  listen: \""+addresses["8081"]+"\"\n  api_keys:", "--key-file ops.key", "--key-file ops.key --url http://"+addresses["8081"])
	paste := func(language string) string {
		return strings.NewReplacer(ports...).Replace(block(t, "guarding.md", language))
	}
	dir := filepath.Join(user.dir, "wsticket-guard")
	before, behind, found := strings.Cut(paste("sh step"), "npm install ws\n")
	if !found {
		t.Fatal("guarding.md: no line with npm install")
	}
	user.paste(t, before)
	testenv.LinkNode(t, packages, dir) // instead of a download
	user.paste(t, "cd ~/wsticket-guard\n"+behind)
	writeFile(t, dir, "client.mjs", paste("js client"))
	user.pasteAndLeave(t, paste("sh redis"))
	awaitListener(t, redis)
	for _, process := range []string{"one", "two"} {
		user.pasteAndLeave(t, paste("sh "+process))
	}
	for _, addr := range addresses {
		awaitListener(t, addr)
	}
	alice, again := user.pasteAndLeave(t, paste("sh alice")), user.pasteAndLeave(t, paste("sh again"))
	for _, client := range []*test.Output{alice, again} {
		test.Wait(t, "the greeting", func() bool { return strings.Contains(client.String(), `"type":"hello"`) })
	}
	test.Wait(t, "the notice", func() bool { return strings.Contains(alice.String(), `"type":"auth_expiring"`) })
	if got := user.paste(t, paste("sh renew")); !strings.Contains(got, `"expires_in":3`) {
		t.Errorf("renew: printed %s, want the lifetime of the new bearer", got)
	}
	if got := user.paste(t, paste("sh list")); strings.Count(got, "alice") < 2 {
		t.Errorf("connections: printed %s, want both of Alice", got)
	}
	user.paste(t, paste("sh revoke"))
	for _, client := range []*test.Output{alice, again} {
		test.Wait(t, "the end", func() bool { return strings.Contains(client.String(), "closed 4003 wsticket: revoked") })
	}
}
