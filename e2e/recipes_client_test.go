//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// recipePackages is the folder with the package.json of the libraries.
const recipePackages = "recipes"

// recipeHome is a folder below which programs find the packed client and the libraries.
type recipeHome string

// newRecipeHome installs the client as npm would publish it now.
func newRecipeHome(t *testing.T) recipeHome {
	t.Helper()
	tools, home := needTools(t, recipePackages), scratchDir(t)
	writeFiles(t, home, map[string]string{"package.json": `{ "private": true, "type": "module" }`})
	tools.run(t, home, nil, tools.npm, "install", "--no-audit", "--no-fund", tools.pack(t))
	for pattern, folder := range map[string]string{"node_modules/[^.]*": "node_modules", "*.js": ".", "*.mjs": "."} {
		files, err := filepath.Glob(filepath.Join(recipePackages, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s of %s: %v", pattern, recipePackages, err)
		}
		for _, file := range files {
			target, err := filepath.Abs(file)
			if err == nil {
				err = os.Symlink(target, filepath.Join(home, folder, filepath.Base(file)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return recipeHome(home)
}

// folder makes a folder with programs, which are files by their names.
func (home recipeHome) folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp(string(home), "")
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, files)
	return dir
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// page is a program in the place of a page. It ends by itself when nothing is left to
// happen: no connection, no timer.
type page struct {
	output, warnings *test.Output
	ended            chan struct{}
}

// openPage starts a program of a folder.
func openPage(t *testing.T, dir, file string) page {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, testenv.NeedNode(t, recipePackages), "--import", "../browser.mjs", file)
	p := page{new(test.Output), new(test.Output), make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, []string{}, attributes(), p.output, p.warnings
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	go func() { // ends with the program
		_ = cmd.Wait()
		p.output.End()
		close(p.ended)
	}()
	t.Cleanup(func() {
		stop()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said:\n%s%s", file, p.output, p.warnings)
		}
	})
	return p
}

// wantEnd waits until the program has ended, and returns what it printed.
func (p page) wantEnd(t *testing.T) string {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(test.Patience):
		t.Fatal("the program does not end: it still tries, or waits")
	}
	return p.output.String()
}
