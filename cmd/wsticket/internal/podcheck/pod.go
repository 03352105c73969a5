package podcheck

import (
	"path"
	"strings"
)

// program is the name of the program, and by custom that of its image.
const program = "wsticket"

// The fields of a pod that matter here, as Kubernetes names them.
type (
	podSpec struct {
		Grace          *int64      `yaml:"terminationGracePeriodSeconds"`
		ServiceLinks   *bool       `yaml:"enableServiceLinks"`
		InitContainers []container `yaml:"initContainers"`
		Containers     []container `yaml:"containers"`
	}
	container struct {
		Name          string   `yaml:"name"`
		Image         string   `yaml:"image"`
		RestartPolicy string   `yaml:"restartPolicy"`
		Command       []string `yaml:"command"`
		Args          []string `yaml:"args"`
		Env           []struct {
			Name  string  `yaml:"name"`
			Value *string `yaml:"value"`
		} `yaml:"env"`
		Ports []struct {
			Name string `yaml:"name"`
			Port int    `yaml:"containerPort"`
		} `yaml:"ports"`
		Startup   *probe `yaml:"startupProbe"`
		Readiness *probe `yaml:"readinessProbe"`
		Liveness  *probe `yaml:"livenessProbe"`
		Lifecycle struct {
			PreStop *hook `yaml:"preStop"`
		} `yaml:"lifecycle"`
	}
	probe struct {
		HTTPGet *struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"` // a number or a name
		} `yaml:"httpGet"`
		Exec *command `yaml:"exec"`
	}
	hook struct {
		Exec  *command `yaml:"exec"`
		Sleep *struct {
			Seconds int64 `yaml:"seconds"`
		} `yaml:"sleep"`
	}
	command struct {
		Command []string `yaml:"command"`
	}
)

// isTicket reports whether a container runs wsticket: by its command, else by the
// name of its image, or its own.
func (c container) isTicket() bool {
	if len(c.Command) > 0 {
		return path.Base(c.Command[0]) == program
	}
	image, _, _ := strings.Cut(path.Base(c.Image), "@")
	image, _, _ = strings.Cut(image, ":")
	return image == program || c.Name == program
}

// drains reports whether a command is wsticket's own drain.
func (c command) drains() bool {
	return len(c.Command) > 1 && path.Base(c.Command[0]) == program && c.Command[1] == "drain"
}

// flag returns the value of a flag in a command, as --name VALUE or --name=VALUE.
func (c command) flag(name string) string {
	for i, arg := range c.Command {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
		if arg == "--"+name && i+1 < len(c.Command) {
			return c.Command[i+1]
		}
	}
	return ""
}
