package kubernetes

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type labels = map[string]string

type selector struct{ MatchLabels labels }

// workload has what selects pods, and what is selected.
type workload struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Selector    any      // of a Service the labels themselves
		PodSelector selector `json:"podSelector"`
		Ports       []struct {
			TargetPort any `json:"targetPort"`
		}
		Ingress []struct {
			Ports []struct{ Port any }
		}
		Template struct {
			Metadata struct{ Labels labels }
			Spec     struct {
				Containers, InitContainers []struct {
					Ports []struct {
						ContainerPort int `json:"containerPort"`
					}
				}
			}
		}
	}
}

// selects returns the labels that an object selects pods by, and whether it selects
// any at all.
func (w workload) selects(t *testing.T) (labels, bool) {
	t.Helper()
	switch w.Kind {
	case "NetworkPolicy":
		return w.Spec.PodSelector.MatchLabels, true
	case "Service", "Deployment", "PodDisruptionBudget":
	default:
		return nil, false
	}
	text, err := yaml.Marshal(w.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if w.Kind == "Service" {
		var found labels
		err = yaml.Unmarshal(text, &found)
		return found, err == nil
	}
	var found selector
	err = yaml.Unmarshal(text, &found)
	return found.MatchLabels, err == nil
}

// checkSelectors checks what no schema does: a Service, a policy or a budget that
// selects no pod, or every pod of the namespace, is valid.
func checkSelectors(t *testing.T, objects string) {
	t.Helper()
	var all []workload
	var pod labels
	open := map[string]bool{}
	for _, text := range documents(objects) {
		var w workload
		if err := yaml.Unmarshal([]byte(text), &w); err != nil || w.Kind == "" {
			continue // of another kind, with other fields
		}
		all = append(all, w)
		if w.Kind != "Deployment" {
			continue
		}
		pod = w.Spec.Template.Metadata.Labels
		for _, c := range append(w.Spec.Template.Spec.Containers, w.Spec.Template.Spec.InitContainers...) {
			for _, p := range c.Ports {
				open[fmt.Sprint(p.ContainerPort)] = true
			}
		}
	}
	for _, w := range all {
		by, selects := w.selects(t)
		if selects && len(by) == 0 {
			t.Errorf("%s/%s has no selector", w.Kind, w.Metadata.Name)
		}
		for key, value := range by {
			if pod[key] != value {
				t.Errorf("%s/%s selects %s=%s, the pods have %q", w.Kind, w.Metadata.Name, key, value, pod[key])
			}
		}
		// Numbers: not everybody who reads a manifest looks for names among sidecars.
		var ports []any
		for _, p := range w.Spec.Ports {
			ports = append(ports, p.TargetPort)
		}
		for _, rule := range w.Spec.Ingress {
			for _, p := range rule.Ports {
				ports = append(ports, p.Port)
			}
		}
		for _, p := range ports {
			if !open[fmt.Sprint(p)] {
				t.Errorf("%s/%s: no container has the port %v", w.Kind, w.Metadata.Name, p)
			}
		}
	}
}

// TestPeersAreOthers: a label of the pods in the selector of a peer would shut the
// others out. Kustomize's labels with includeSelectors put one there.
func TestPeersAreOthers(t *testing.T) {
	objects := kustomize(t, deploy+"kubernetes/standalone")
	_, policy, _ := strings.Cut(objects, "kind: NetworkPolicy")
	if got := strings.Count(policy, "app.kubernetes.io/name: wsticket"); got != 1 {
		t.Errorf("the policy names its own pods %d times, want once in\n%s", got, policy)
	}
}
