package archtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list` says about a package.
type pkg struct {
	ImportPath   string
	Standard     bool // part of Go
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// graph is the packages of the module and all they are built from, by import
// path. What only their tests need is named in them, but is not in it.
type graph map[string]pkg

// load asks the go command about the module that this test belongs to.
func load(t *testing.T) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	g := graph{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return g
		case err != nil:
			t.Fatalf("answer of go list: %v", err)
		}
		g[p.ImportPath] = p
	}
}

// A rule binds some packages not to import some others.
type rule struct {
	says  string                 // in the words of the design
	binds func(path string) bool // who has to keep it
	never func(p pkg) bool       // what they must not import
	deep  bool                   // nor reach through what they import
	tests bool                   // nor import in their tests
}

// breaches returns one chain of imports for each import that breaks the rule,
// from the package that is bound to what it must not reach.
func (r rule) breaches(g graph) []string {
	var found []string
	for path, p := range g {
		if p.Standard || !r.binds(path) {
			continue
		}
		first := p.Imports
		if r.tests {
			first = slices.Concat(first, p.TestImports, p.XTestImports)
		}
		found = append(found, r.follow(g, path, first, map[string]bool{path: true})...)
	}
	slices.Sort(found)
	return found
}

// follow walks the imports behind a chain. It ends a chain at a breach, at the
// standard library, which imports only itself, and at what it has seen.
func (r rule) follow(g graph, chain string, imports []string, seen map[string]bool) []string {
	var found []string
	for _, path := range imports {
		if seen[path] {
			continue
		}
		seen[path] = true
		next, known := g[path]
		if !known {
			next.ImportPath = path
		}
		longer := chain + " -> " + path
		switch {
		case r.never(next):
			found = append(found, longer)
		case r.deep && !next.Standard:
			found = append(found, r.follow(g, longer, next.Imports, seen)...)
		}
	}
	return found
}

// under reports whether a package is one of the roots or in a folder of theirs.
// Roots are import paths without the name of the module.
func under(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		rest, ok := strings.CutPrefix(path, module+"/"+root)
		return ok && (rest == "" || rest[0] == '/')
	})
}

// ours reports whether a package belongs to the module.
func ours(path string) bool {
	return strings.HasPrefix(path, module+"/")
}
