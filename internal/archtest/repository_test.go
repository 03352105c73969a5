package archtest

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// fileInDocuments finds the files that a step of the documents writes, and those
// that the configuration or a flag names as a key or credential.
var fileInDocuments = regexp.MustCompile(`(?:> ?|-out |-keyout |_file: ?|--key |--bearer-file )([A-Za-z0-9_./~-]+\.[a-z]+[0-9]*)\b`)

// usualSecrets are names that the documents do not use, but people do.
var usualSecrets = []string{"server.p12", "server.pfx", "signing.jwk", "private.jwks", "supabase.hmac", "store.url", ".env", ".env.production", "secrets/x", "keys/x"}

// Somebody who follows the documents inside a clone, or builds an image of it, gives no
// secret away: git and Docker leave out every file that holds one.
func TestSecretsAreIgnored(t *testing.T) {
	t.Parallel()
	if gitCommand(t, "rev-parse").Run() != nil {
		t.Skip("this is no clone: there is nothing to commit to")
	}
	names := append(secretsOfDocuments(t), usualSecrets...)
	if !slices.Contains(names, "seal.keys") || !slices.Contains(names, "chat.key") {
		t.Fatalf("found %q in the documents, want seal.keys and chat.key among them", names)
	}
	patterns := lines(read(t, ".dockerignore"))
	for _, name := range names {
		for _, where := range []string{name, "deploy/somewhere/" + name} {
			if !ignoredByGit(t, where) {
				t.Errorf(".gitignore does not have %s", where)
			}
		}
		if !ignoredByDocker(patterns, name) {
			t.Errorf(".dockerignore does not have %s in every folder", name)
		}
	}
	for _, name := range []string{"auth/testdata/public.pem", "testdata/field/signing.jwk", "api/testdata/secrets/x", "wsticket.example.yaml", "gate/query.go"} {
		if ignoredByGit(t, name) {
			t.Errorf(".gitignore has %s, which tests or users need", name)
		}
	}
	if hidden := git(t, "ls-files", "--cached", "--ignored", "--exclude-standard"); hidden != "" {
		t.Errorf("these are committed, and ignored by .gitignore:\n%s", hidden)
	}
}

// secretsOfDocuments returns the base names of the files.
func secretsOfDocuments(t *testing.T) []string {
	t.Helper()
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	var names []string
	for _, document := range append(documents, "../../README.md", "../../wsticket.example.yaml", "../../docker-compose.yml") {
		for _, match := range fileInDocuments.FindAllStringSubmatch(read(t, strings.TrimPrefix(document, "../../")), -1) {
			if name := path.Base(match[1]); strings.Contains(".pem .key .keys .secret .token .header .txt .jwk .hmac .yaml .env", path.Ext(name)) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func ignoredByGit(t *testing.T, name string) bool {
	t.Helper()
	err := gitCommand(t, "check-ignore", "--quiet", "--no-index", name).Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
		t.Fatalf("git check-ignore %s: %v", name, err)
	}
	return err == nil
}

// ignoredByDocker knows the patterns that .dockerignore has for secrets: **/ and a
// name, which may be that of a folder.
func ignoredByDocker(patterns []string, name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		everywhere, ok := strings.CutPrefix(pattern, "**/")
		matches, err := path.Match(everywhere, first)
		return ok && err == nil && matches
	})
}

// go.mod, the module of the tools, the image and the README ask for the same Go.
func TestGoVersions(t *testing.T) {
	t.Parallel()
	oldest := submatch(t, "go.mod", `(?m)^go (\S+)$`)
	newest := submatch(t, "go.mod", `(?m)^toolchain go(\S+)$`)
	for _, row := range []struct{ file, pattern, want string }{
		{"tools/go.mod", `(?m)^go (\S+)$`, oldest},
		{"tools/go.mod", `(?m)^toolchain go(\S+)$`, newest},
		{"tools/kubernetes/go.mod", `(?m)^go (\S+)$`, oldest},
		{"tools/kubernetes/go.mod", `(?m)^toolchain go(\S+)$`, newest},
		{"tools/release/go.mod", `(?m)^go (\S+)$`, oldest},
		{"tools/release/go.mod", `(?m)^toolchain go(\S+)$`, newest},
		{"docs/packages.md", `GOTOOLCHAIN=go([0-9.]+)`, newest},
		{"Dockerfile", `(?m)^FROM golang:([0-9.]+)\b`, newest},
		{"docs/upgrade.md", `inspect golang:([0-9.]+)\b`, newest},
		{"docs/upgrade.md", `FROM golang:([0-9.]+)@`, newest},
		{"README.md", `You need Go ([0-9.]*[0-9]) or later`, oldest},
	} {
		if got := submatch(t, row.file, row.pattern); got != row.want {
			t.Errorf("%s: Go %s by %s, want %s of go.mod", row.file, got, row.pattern, row.want)
		}
	}
}

func submatch(t *testing.T, file, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if match == nil {
		t.Fatalf("%s: nothing matches %s", file, pattern)
	}
	return match[1]
}

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

func git(t *testing.T, args ...string) string {
	t.Helper()
	output, err := gitCommand(t, args...).Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(output)
}

// gitCommand leaves out what the user of this machine ignores everywhere.
func gitCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.Need(t, "git"), append([]string{"-c", "core.excludesFile=/dev/null"}, args...)...)
	cmd.Dir = "../.."
	return cmd
}
