//go:build e2e

package e2e_test

import (
	"path/filepath"
	"testing"

	"wsticket/internal/testenv"
)

// TestDemoPage takes the tour of the page of `wsticket dev`, as a visitor does. With
// -screenshots it takes pictures.
func TestDemoPage(t *testing.T) {
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	dev := run(t, build, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	closed := run(t, build, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--set", "ws.doors=[subprotocol]")
	w := world{
		Chromium: chromium, Profile: scratchDir(t), Report: filepath.Join(t.TempDir(), "report.json"),
		Demo: "http://localhost:" + portOf(dev.public) + "/", Closed: "http://localhost:" + portOf(closed.public) + "/", Screenshots: *screenshots,
	}
	runCases(t, node, "browser/demo/demo.test.mjs", w)
	s := &scenery{servers: []server{dev, closed}, secrets: readSecrets(t, w.Report)}
	wantProfileClean(t, w.Profile, s.secrets)
	s.wantLogsClean(t)
}
