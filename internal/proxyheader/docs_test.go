package proxyheader

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocumented: somebody who misses a header finds it in the documentation.
func TestDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/sidecar.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(string(page))
	for _, name := range slices.Concat(prefixes, suffixes, slices.Collect(maps.Keys(names))) {
		if !strings.Contains(text, "`"+strings.ToLower(name)+"`") {
			t.Errorf("%s is not in docs/sidecar.md", name)
		}
	}
}
