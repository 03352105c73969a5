//go:build e2e

package snippets_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"wsticket/internal/testenv"
)

// browse runs a script of testdata that uses a page in Chromium, and returns what it
// prints. The script gets the path of Chromium, a folder for its profile and the
// arguments as one JSON object.
func browse(t *testing.T, script string, arguments map[string]any) string {
	t.Helper()
	node := testenv.NeedNode(t, packages)
	// Removed after all tests, because some process of Chromium may still write when
	// this one ends.
	dir, err := os.MkdirTemp(scratch, "browser-")
	if err != nil {
		t.Fatal(err)
	}
	arguments["chromium"], arguments["profile"] = testenv.Need(t, "chromium"), filepath.Join(dir, "profile")
	text, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", script), string(text))
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}
