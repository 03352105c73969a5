//go:build e2e

package deploy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/testenv"
)

// composed is docker-compose.yml, as far as it is looked at here. `make check-deploy` holds
// it to its schema.
type composed struct {
	Services map[string]struct {
		Command any
		Volumes []string
	}
	Configs map[string]struct{ Content string }
}

func compose(t *testing.T) composed {
	t.Helper()
	var c composed
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// secretsOf runs the script of the service keys, with its folders below dir.
func (c composed) secretsOf(t *testing.T, dir string) {
	t.Helper()
	testenv.Need(t, "openssl")
	command, _ := c.Services["keys"].Command.([]any)
	if len(command) != 3 || command[0] != "sh" || command[1] != "-euc" {
		t.Fatalf("the command of keys is %q, want sh -euc and a script", command)
	}
	script, _ := command[2].(string)
	for _, folder := range []string{"keys", "private", "database"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script = replaced(t, script, "$$", "$", "chown 65532:65532", ": ",
		"/keys/", dir+"/keys/", "/private/", dir+"/private/", "/database/", dir+"/database/")
	run(t, "sh", "-euc", script)
	before := read(t, mustRel(t, dir)+"/keys/seal.keys")
	run(t, "sh", "-euc", script)
	if after := read(t, mustRel(t, dir)+"/keys/seal.keys"); after != before {
		t.Error("the second start makes other keys, want the same")
	}
}

// mustRel is for read, which looks below the repository.
func mustRel(t *testing.T, dir string) string {
	t.Helper()
	base, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(base, dir)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// fullEnv returns what the profile full adds to the environment of wsticket.
func fullEnv(t *testing.T) []string {
	t.Helper()
	var env []string
	for line := range strings.Lines(read(t, "deploy/compose/full.env")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	return env
}

// The settings of both profiles have no fault.
func TestSettingsOfCompose(t *testing.T) {
	t.Parallel()
	c, dir := compose(t), t.TempDir()
	c.secretsOf(t, dir)
	file := write(t, dir, "wsticket.yaml", replaced(t, c.Configs["wsticket"].Content, "/etc/wsticket", dir))
	for profile, env := range map[string][]string{"none": nil, "full": fullEnv(t)} {
		cmd := command(t, env, dir, "check-config", "--config", file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("profile %s: %v\n%s", profile, err, out)
		}
	}
}

// Prometheus reads its file, with the rules beside it, and scrapes the port where
// wsticket has its metrics; Grafana finds the dashboard where compose puts it.
func TestMonitoringOfCompose(t *testing.T) {
	t.Parallel()
	c, dir := compose(t), t.TempDir()
	write(t, dir, "rules.yml", read(t, "deploy/prometheus/rules.yml"))
	run(t, testenv.Need(t, "promtool"), "check", "config", write(t, dir, "prometheus.yml", read(t, "deploy/compose/prometheus.yml")))
	if target := submatch(t, "deploy/compose/prometheus.yml", `targets: \["wsticket(:\d+)"\]`); !strings.Contains(c.Configs["wsticket"].Content, `listen: "`+target+`" # published`) {
		t.Errorf("Prometheus asks wsticket%s, and that is not internal.listen", target)
	}
	var sources struct{ Datasources []struct{ UID, URL string } }
	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	for name, into := range map[string]any{"datasource.yml": &sources, "dashboards.yml": &dashboards} {
		if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/grafana/"+name)), into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("data sources of Grafana: %+v, want the one of compose", sources)
	}
	if len(dashboards.Providers) != 1 || !slices.ContainsFunc(c.Services["grafana"].Volumes, func(v string) bool {
		return strings.HasPrefix(v, "./deploy/grafana/wsticket.json:"+dashboards.Providers[0].Options.Path+"/")
	}) {
		t.Errorf("Grafana looks for dashboards in %+v, where compose puts none", dashboards)
	}
}
