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
	user.clone(t)
	user.prefer(filepath.Dir(testenv.Need(t, "redis-server")))
	public, redis := testenv.FreeAddr(t), testenv.FreeAddr(t)
	paste := func(language string) string {
		return strings.NewReplacer(
			`public:  {url: "http://localhost:8080"}`, `public:  {listen: "`+public+`", url: "http://localhost:`+port(t, public)+`"}`+"\n"+`internal: {listen: "127.0.0.1:0"}`,
			"8080", port(t, public), "6379", port(t, redis),
		).Replace(block(t, "service.md", language))
	}
	user.paste(t, "cd ~/wsticket && mkdir bin && go build -o bin ./cmd/wsticket")
	user.paste(t, paste("sh step"))
	user.pasteAndLeave(t, paste("sh redis"))
	awaitListener(t, redis)
	user.pasteAndLeave(t, paste("sh server"))
	awaitListener(t, public)
	if got := user.paste(t, paste("sh ticket")); !strings.Contains(got, `"ticket":"wst1_`) {
		t.Errorf("printed %s, want a ticket", got)
	}
}
