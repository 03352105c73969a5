//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// clientPackage is the folder of the TypeScript client.
const clientPackage = "../client"

// TestViteProject packs the TypeScript client as npm does, installs it into a new project
// with Vite and React, and opens what Vite builds in Chromium: the component has one
// ticket and one socket, also where React runs each effect twice.
func TestViteProject(t *testing.T) {
	tools := needTools(t, "vite")
	chromium := testenv.Need(t, "chromium")
	project := tools.newProject(t)

	dist := filepath.Join(project, "dist")
	pages := httptest.NewUnstartedServer(nil)
	origin := "http://" + pages.Listener.Addr().String()
	idp := newIssuer(t)
	wsticket := serve(t, idp.config(t, "memory:"), "origins="+origin)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dist)))
	bearer := idp.bearer(t, "alice")
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, bearer) })
	pages.Config.Handler = mux
	pages.Start()
	t.Cleanup(pages.Close)

	builds := []struct {
		mode    string
		effects int
	}{{"production", 1}, {"development", 2}}
	var urls []string
	for _, b := range builds {
		tools.run(t, project, []string{"VITE_API=http://" + wsticket.public, "NODE_ENV=" + b.mode},
			tools.node, "../node_modules/vite/bin/vite.js", "build", "--mode", b.mode, "--base", "/"+b.mode+"/", "--outDir", "dist/"+b.mode)
		urls = append(urls, origin+"/"+b.mode+"/")
	}
	order, err := json.Marshal(map[string]any{"chromium": chromium, "profile": scratchDir(t), "urls": urls})
	if err != nil {
		t.Fatal(err)
	}
	said := tools.run(t, ".", nil, tools.node, "vite/page.mjs", string(order))
	var visits []viteVisit
	if err := json.Unmarshal([]byte(said), &visits); err != nil || len(visits) != len(builds) {
		t.Fatalf("got %s (%v), want a result for each build", said, err)
	}
	for n, b := range builds {
		visits[n].want(t, b.mode, b.effects)
	}
}

// viteVisit is what vite/page.mjs tells of a page.
type viteVisit struct {
	Tickets, Sockets, Effects int
	Messages, Faults          []string
}

func (v viteVisit) want(t *testing.T, mode string, effects int) {
	t.Helper()
	if v.Tickets != 1 || v.Sockets != 1 {
		t.Errorf("%s: got %d requests for a ticket and %d sockets, want one of each", mode, v.Tickets, v.Sockets)
	}
	if v.Effects != effects {
		t.Errorf("%s: React ran effects %d times, want %d", mode, v.Effects, effects)
	}
	if len(v.Messages) != 2 || !strings.Contains(v.Messages[0], `"userId":"alice"`) || v.Messages[1] != "hello from React" {
		t.Errorf("%s: the page shows %q, want the greeting and the echo", mode, v.Messages)
	}
	if len(v.Faults) != 0 {
		t.Errorf("%s: the console of the page has %q", mode, v.Faults)
	}
}

// npmTools run npm and Node.js, without a network and with a folder of their own for what
// they keep.
type npmTools struct{ node, npm, home string }

// needTools skips or fails the test if the packages of the client or of a folder are missing.
func needTools(t *testing.T, folder string) npmTools {
	t.Helper()
	testenv.NeedNode(t, folder)
	testenv.NeedNode(t, clientPackage)
	return npmTools{testenv.NeedNode(t, packages), testenv.Need(t, "npm"), scratchDir(t)}
}

// run runs a program in a folder and returns what it prints.
func (tools npmTools) run(t *testing.T, folder string, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = append(env, "HOME="+tools.home, "PATH="+filepath.Dir(tools.node)+":/usr/bin:/bin", "npm_config_offline=true")
	cmd.SysProcAttr = attributes()
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// newProject returns the folder of a new project, in which the package is installed as
// npm would publish it now. The other packages are in the folder above it.
func (tools npmTools) newProject(t *testing.T) string {
	t.Helper()
	above := scratchDir(t)
	project := filepath.Join(above, "project")
	copyTree(t, project, "vite/project")
	testenv.LinkNode(t, "vite", above)
	tools.run(t, project, nil, tools.npm, "install", "--no-save", "--no-audit", "--no-fund", tools.pack(t))
	tools.run(t, project, nil, tools.node, "../node_modules/typescript/bin/tsc")
	return project
}

// pack builds the package in a folder of its own, because other tests may build it in its
// own at the same time, and returns the file that npm would publish.
func (tools npmTools) pack(t *testing.T) string {
	t.Helper()
	folder := scratchDir(t)
	copyTree(t, filepath.Join(folder, "src"), filepath.Join(clientPackage, "src"))
	for _, name := range []string{"package.json", "tsconfig.json", "tsconfig.build.json", "README.md", "CHANGELOG.md", "LICENSE"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(readFile(t, filepath.Join(clientPackage, name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testenv.LinkNode(t, clientPackage, folder)
	tools.run(t, folder, nil, tools.npm, "run", "build")
	tools.run(t, folder, nil, tools.npm, "pack")
	files, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("npm pack: got %q, %v; want one file", files, err)
	}
	return files[0]
}

func copyTree(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
