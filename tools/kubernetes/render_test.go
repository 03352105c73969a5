package kubernetes

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var program = flag.String("wsticket", "", "the program, for check-config and print-config")

const (
	deploy       = "../../deploy/"
	chartDir     = deploy + "helm/wsticket"
	exampleChart = deploy + "helm/example-sidecar"
)

// kustomize renders a kustomization, as kubectl kustomize does.
func kustomize(t *testing.T, dir string) string {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load reads a chart, and the chart that the example depends on.
func load(t *testing.T, dir string) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	if dir == exampleChart {
		c.AddDependency(load(t, chartDir))
	}
	return c
}

// template renders a chart with values, as helm template does. The notes, which it
// does not print, are apart.
func template(t *testing.T, dir, values string) (objects, notes string, err error) {
	t.Helper()
	c := load(t, dir)
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatalf("values: %v", err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, given); err != nil {
		t.Fatal(err)
	}
	caps := *chartutil.DefaultCapabilities
	caps.KubeVersion = chartutil.KubeVersion{Version: "v" + kubernetesVersion, Major: "1", Minor: "37"}
	if !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, caps.KubeVersion.Version) {
		t.Errorf("%s is not for Kubernetes %s", dir, caps.KubeVersion.Version)
	}
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "try", Namespace: "default", Revision: 1, IsInstall: true}, &caps)
	if err != nil {
		return "", "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", "", err
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case strings.HasSuffix(name, "NOTES.txt"):
			notes += files[name]
		case strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "":
			out.WriteString("---\n" + files[name] + "\n")
		}
	}
	return out.String(), notes, nil
}

// wsticket runs the program.
func wsticket(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	if *program == "" {
		t.Fatal("run make check-deploy, or name the program with -wsticket")
	}
	cmd := exec.CommandContext(t.Context(), *program, args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	cmd.Env = []string{"WSTICKET_STORE_URL=redis://redis:6379/0"}
	err := cmd.Run()
	return out.String(), err
}

// checkSettings runs check-config on the configuration in the ConfigMap of objects,
// with files that the secret would have.
func checkSettings(t *testing.T, objects string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("secrets/seal.keys", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
	for _, text := range documents(objects) {
		var o struct {
			Kind string
			Data map[string]string
		}
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			continue // of another kind, with other data
		}
		if o.Kind == "ConfigMap" {
			settings := strings.ReplaceAll(o.Data["wsticket.yaml"], "/etc/wsticket/", dir+"/")
			return wsticket(t, "", "check-config", "--config", write("wsticket.yaml", settings))
		}
	}
	t.Fatal("there is no ConfigMap")
	return "", nil
}

// documents takes a YAML stream apart.
func documents(text string) []string { return strings.Split("\n"+text, "\n---\n") }
