// Package buildinfo says which build of the program runs.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// The linker sets these, and it can only set package variables: see the Makefile,
// the Dockerfile and .goreleaser.yaml. A commit with files that were changed since
// has the suffix of dirty.
var version, commit, date = "", "", ""

// dirty is how git describe marks a folder with changed files.
const dirty = "-dirty"

// Info is what a build knows of itself. A part that is not known is empty.
type Info struct {
	// Version is the tag, such as v1.2.3, with git's suffix for commits after it.
	// Default: dev.
	Version string `json:"version"`
	// Commit is the full hash.
	Commit string `json:"commit"`
	// CommitDate is in UTC (RFC 3339). It is not the time of the build, which would
	// make every build another one.
	CommitDate string `json:"commit_date"`
	// Dirty reports whether files were changed after the commit.
	Dirty bool `json:"dirty"`
	// Go is the version of the compiler and of the standard library.
	Go string `json:"go"`
	// Platform is such as linux/amd64.
	Platform string `json:"platform"`
}

// Read returns what the linker was told, or what `go build` and `go install` find
// in a clone on their own.
func Read() Info {
	info := Info{Version: version, CommitDate: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info.Commit, info.Dirty = strings.CutSuffix(commit, dirty)
	if built, ok := debug.ReadBuildInfo(); ok && info.Version == "" && info.Commit == "" {
		info.stamp(built)
	}
	if info.Version == "" {
		info.Version = "dev"
	}
	return info
}

// stamp takes what the go command writes into a program that it builds in a clone.
func (i *Info) stamp(built *debug.BuildInfo) {
	for _, s := range built.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.time":
			i.CommitDate = s.Value
		case "vcs.modified":
			i.Dirty = s.Value == "true"
		}
	}
}

// String returns one line without the name of the program.
func (i Info) String() string {
	of := ""
	if i.Commit != "" {
		of = "commit " + i.Commit
		if i.Dirty {
			of += " with changes"
		}
		of += ", "
	}
	if i.CommitDate != "" {
		of += i.CommitDate + ", "
	}
	return fmt.Sprintf("%s (%s%s, %s)", i.Version, of, i.Go, i.Platform)
}
