package buildinfo_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/buildinfo"
)

// What a linker flag sets, by any way of building. $(STAMP), $stamp and the like
// stand for the package.
var stamped = regexp.MustCompile(`-X \S*?\.(version|commit|date)=`)

// Every way of building sets all of it. A build without the go command's own stamp has
// the same bits in a clone and outside of one.
func TestEveryWayOfBuildingStamps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Makefile", "Dockerfile", ".goreleaser.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		var set []string
		for _, match := range stamped.FindAllStringSubmatch(string(text), -1) {
			set = append(set, match[1])
		}
		slices.Sort(set)
		if got := strings.Join(slices.Compact(set), " "); got != "commit date version" {
			t.Errorf("%s sets %q, want commit, date and version", name, got)
		}
		for _, flag := range []string{"-trimpath", "-buildvcs=false", "-s -w", "CGO_ENABLED=0", "wsticket/internal/buildinfo"} {
			if !strings.Contains(string(text), flag) {
				t.Errorf("%s builds without %s", name, flag)
			}
		}
	}
}

// The names that the flags set are those of the package: a linker ignores others.
func TestStamp(t *testing.T) {
	t.Parallel()
	const stamp = "-X wsticket/internal/buildinfo."
	flags := stamp + "version=v1.2.3 " + stamp + "commit=abc-dirty " + stamp + "date=2026-11-29T12:00:00Z"
	output, err := exec.CommandContext(t.Context(), "go", "run", "-buildvcs=false", "-ldflags", flags, "./testdata/print").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got buildinfo.Info
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatal(err)
	}
	want := buildinfo.Read()
	want.Version, want.Commit, want.CommitDate, want.Dirty = "v1.2.3", "abc", "2026-11-29T12:00:00Z", true
	if got != want {
		t.Errorf("a stamped build = %+v, want %+v", got, want)
	}
}
