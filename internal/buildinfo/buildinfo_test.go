package buildinfo_test

import (
	"runtime"
	"strings"
	"testing"

	"wsticket/internal/buildinfo"
)

// A build that was told nothing, such as a test, says which compiler it is from.
func TestNothingIsKnown(t *testing.T) {
	t.Parallel()
	want := buildinfo.Info{Version: "dev", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if got := buildinfo.Read(); got != want {
		t.Errorf("Read() = %+v, want %+v", got, want)
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	known := buildinfo.Info{Version: "v1.2.3", Commit: strings.Repeat("ab", 20), CommitDate: "2026-11-29T12:00:00Z", Go: "go1.26.9", Platform: "linux/amd64"}
	changed := known
	changed.Dirty = true
	for rule, row := range map[string]struct {
		info buildinfo.Info
		want string
	}{
		"everything is known": {known, "v1.2.3 (commit " + known.Commit + ", 2026-11-29T12:00:00Z, go1.26.9, linux/amd64)"},
		"files were changed":  {changed, "v1.2.3 (commit " + known.Commit + " with changes, 2026-11-29T12:00:00Z, go1.26.9, linux/amd64)"},
		"no commit is known":  {buildinfo.Info{Version: "dev", Go: "go1.26.9", Platform: "linux/amd64"}, "dev (go1.26.9, linux/amd64)"},
	} {
		if got := row.info.String(); got != row.want {
			t.Errorf("%s: %q, want %q", rule, got, row.want)
		}
	}
}
