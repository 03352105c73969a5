//go:build e2e

package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// TestDemoPage takes the tour of the page of `wsticket dev`, as a visitor does. Afterwards
// the trail has what was done on it, and holds. With -screenshots it takes pictures.
func TestDemoPage(t *testing.T) {
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	database := "sqlite:" + filepath.Join(t.TempDir(), "trail.db")
	dev := run(t, build, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--database", database)
	closed := run(t, build, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--set", "ws.doors=[subprotocol]")
	w := world{
		Chromium: chromium, Profile: scratchDir(t), Report: filepath.Join(t.TempDir(), "report.json"),
		Demo: "http://localhost:" + portOf(dev.public) + "/", Closed: "http://localhost:" + portOf(closed.public) + "/", Screenshots: *screenshots,
	}
	runCases(t, node, "browser/demo/demo.test.mjs", w)
	s := &scenery{servers: []server{dev, closed}, secrets: readSecrets(t, w.Report)}
	wantProfileClean(t, w.Profile, s.secrets)
	s.wantLogsClean(t)
	wantTour(t, database, s.secrets)
}

// wantTour checks what the trail has of the tour: what is done with a ticket, what is
// refused, and nothing that is secret.
func wantTour(t *testing.T, database string, secrets []secret) {
	t.Helper()
	audit := func(args ...string) string {
		t.Helper()
		out, err := built(t.Context(), t, build, append([]string{"audit"}, append(args, "--database", database)...)...).CombinedOutput()
		if err != nil {
			t.Errorf("wsticket audit %s: %v", args[0], err)
		}
		return string(out)
	}
	has := func(story string, kinds ...string) {
		t.Helper()
		for _, kind := range kinds {
			if !strings.Contains(story, "  "+kind+" ") {
				t.Errorf("no %s in the trail:\n%s", kind, story)
			}
		}
	}
	has(audit("search", "--limit", "0", "--sub", "alice"), "issue", "redeem", "connect", "disconnect")
	all := audit("search", "--limit", "0")
	has(all, "replay", "refuse", "admit", "renew", "revoke")
	all += audit("search", "--limit", "0", "--json")
	for _, s := range secrets {
		if strings.Contains(all, s.Text) {
			t.Errorf("the trail has a %s", s.What)
		}
	}
	if out := audit("verify"); !strings.Contains(out, "The trail holds") {
		t.Errorf("audit verify: %s", out)
	}
}
