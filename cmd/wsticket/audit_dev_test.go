package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

// TestAuditOfDev: what somebody does on the demo page is a story in the file that dev was
// given, while dev runs and after it has ended.
func TestAuditOfDev(t *testing.T) {
	t.Chdir(t.TempDir())
	dev, ask := trialOf(t, "--database", "sqlite:trail.db")
	bearer := signedIn(t, ask, `{"name":"alice"}`)
	got := issue(t, dev.public, bearer)
	conn, _, _ := dial(t, got.URL, nil)
	if _, _, res := dial(t, got.URL, nil); res.StatusCode != 401 {
		t.Fatalf("the ticket again: %d, want 401", res.StatusCode)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	var out string
	test.Wait(t, "the end of the connection is in the trail", func() bool {
		var err error
		if out, _, err = runIn(t, nil, "audit", "search", "--sub", "alice"); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(out, "disconnect")
	})
	wantStory(t, out, got)
	if err := dev.stop(t); err != nil {
		t.Fatal(err)
	}
	out, _, err := runIn(t, nil, "audit", "search", "--sub", "alice", "--ticket-id="+got.TicketID)
	if err != nil {
		t.Fatal(err)
	}
	wantStory(t, out, got)
	out, _, err = runIn(t, nil, "audit", "verify")
	if err != nil || !strings.Contains(out, "The trail holds") {
		t.Errorf("verify = %q, %v, want that it holds", out, err)
	}
	wantHead(t, dev, out)
}

// wantStory checks what search prints of a ticket: what was done with it in its order, and
// nothing of the ticket.
func wantStory(t *testing.T, out string, got issued) {
	t.Helper()
	at := 0
	for _, step := range []string{`issue +issued .* alice .*`, `redeem .* alice .* query .*`, `connect .* alice .* query .*`, `disconnect +1000 by client after [0-9.]+m?s .* alice .*`} {
		line := regexp.MustCompile(`(?m)^\S+Z  ` + step + got.TicketID + `$`).FindStringIndex(out[at:])
		if line == nil {
			t.Fatalf("no line %q in\n%s", step, out[at:])
		}
		at += line[1]
	}
	if strings.Contains(out, got.Ticket) {
		t.Error("the ticket is in the trail")
	}
}

// wantHead checks that verify prints the head that the process has logged at its end.
func wantHead(t *testing.T, p *process, out string) {
	t.Helper()
	m := regexp.MustCompile(`msg="audit: chain head" instance=(\S+) seq=(\d+) hash=(\w+)`).FindStringSubmatch(p.stderr.String())
	if m == nil || !strings.Contains(out, strings.Join(m[1:], ":")) {
		t.Errorf("verify printed\n%swant the head of the log, %v", out, m)
	}
}
