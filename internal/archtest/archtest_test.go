// Package archtest tests what packages depend on, directly or through others, and
// what files of the repository have to agree on.
// What they import directly is depguard's business, in .golangci.yml.
package archtest

import (
	"os/exec"
	"strings"
	"testing"
)

func TestDependencies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule, packages string
		forbidden      func(path string) bool
	}{
		{"ticket needs nothing but the standard library", "./ticket", func(path string) bool {
			return !isStandard(path) && path != "wsticket/ticket"
		}},
		{"a program with the memory store links no Redis client", "./store/memstore", func(path string) bool {
			return isIn(path, "github.com/redis") || isIn(path, "wsticket/store/redisstore")
		}},
		{"no program links test code", "./cmd/...", func(path string) bool {
			return isIn(path, "testing", "wsticket/internal/test", "wsticket/internal/testenv", "wsticket/store/storetest", "wsticket/audit/audittest", "wsticket/store/internal/fixture")
		}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for _, path := range dependencies(t, test.packages) {
				if test.forbidden(path) {
					t.Errorf("%s depends on %s", test.packages, path)
				}
			}
		})
	}
}

// dependencies returns the import paths of all that the packages are built
// from, themselves included.
func dependencies(t *testing.T, packages string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", packages)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	// Without a match, go list succeeds and only warns.
	if err != nil || len(out) == 0 {
		t.Fatalf("go list -deps %s: %v\n%s", packages, err, stderr.String())
	}
	return strings.Fields(string(out))
}

// isStandard reports whether a package is Go's own: the first element of its
// path is no host name, and not this module.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != "wsticket" && !strings.Contains(first, ".")
}

// isIn reports whether a package is one of the roots or below one.
func isIn(path string, roots ...string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
