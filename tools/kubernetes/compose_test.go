package kubernetes

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// TestCompose loads docker-compose.yml as docker compose does, which holds it to its
// schema and looks for what it names, with and without the profile full. No port is open
// to other machines, every image has a version, and every file is there.
func TestCompose(t *testing.T) {
	alone := []string{"keys", "redis", "wsticket"}
	for profile, want := range map[string][]string{
		"":     alone,
		"full": append([]string{"app", "grafana", "nginx", "postgres", "prometheus"}, alone...),
	} {
		t.Run("profile "+profile, func(t *testing.T) {
			project := composed(t, profile)
			got := project.ServiceNames()
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("services: got %v, want %v", got, want)
			}
			for name, s := range project.Services {
				checkService(t, name, s)
			}
			// What the profile adds is in a file that is chosen by its name.
			if upstream := project.Services["wsticket"].Environment["WSTICKET_WS_UPSTREAM"]; (upstream != nil) != (profile == "full") {
				t.Errorf("the environment of wsticket is %v", project.Services["wsticket"].Environment)
			}
		})
	}
}

// composed loads the file with a profile, as the environment chooses it.
func composed(t *testing.T, profile string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithName("try"),
		cli.WithEnv([]string{"COMPOSE_PROFILES=" + profile}), cli.WithDefaultProfiles(), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err == nil {
		project, err = project.WithServicesEnvironmentResolved(true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func checkService(t *testing.T, name string, s types.ServiceConfig) {
	t.Helper()
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%s: the port %s is open to other machines", name, port.Published)
		}
	}
	if _, version, _ := strings.Cut(s.Image, ":"); s.Build == nil && (version == "" || version == "latest") {
		t.Errorf("%s: the image %q has no version", name, s.Image)
	}
	for _, volume := range s.Volumes {
		if volume.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
