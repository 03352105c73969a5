package kubernetes

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// block returns the code of a kind in docs/kubernetes.md.
func block(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(text), "\n```"+kind+"\n")
	code, _, closed := strings.Cut(code, "\n```\n")
	if !found || !closed {
		t.Fatalf("docs/kubernetes.md has no block %q", kind)
	}
	return code + "\n"
}

// TestDocumentedOverlay renders the kustomization that docs/kubernetes.md has, beside
// settings that are a copy of those of the base.
func TestDocumentedOverlay(t *testing.T) {
	base, err := filepath.Abs(deploy + "kubernetes/standalone")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile(filepath.Join(base, "settings.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Rel(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kustomization.yaml": strings.Replace(block(t, "yaml overlay"), "wsticket/deploy/kubernetes/standalone", from, 1),
		"settings.yaml":      strings.Replace(string(settings), "ws.example.com", "ws.example.org", 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects := kustomize(t, dir)
	checked(t, objects)
	for _, part := range []string{"ws.example.org", "namespace: chat", "image: registry.internal/wsticket@sha256:0", "kubernetes.io/metadata.name: ingress-nginx"} {
		if !strings.Contains(objects, part) {
			t.Errorf("got no %q in\n%s", part, objects)
		}
	}
}

// TestDocumentedValues renders the chart with the values that docs/kubernetes.md has.
func TestDocumentedValues(t *testing.T) {
	objects, _, err := template(t, chartDir, block(t, "yaml values"))
	if err != nil {
		t.Fatal(err)
	}
	checked(t, objects)
}

// TestReadmeOfChart: every value has a row.
func TestReadmeOfChart(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names("", load(t, chartDir).Values) {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the README of the chart does not have %s", name)
		}
	}
}

// names returns the values of a chart. Resources are those of Kubernetes.
func names(prefix string, values chartutil.Values) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		inner, ok := values[key].(map[string]any)
		if !ok || len(inner) == 0 || key == "resources" {
			all = append(all, prefix+key)
			continue
		}
		all = append(all, names(prefix+key+".", inner)...)
	}
	return all
}
