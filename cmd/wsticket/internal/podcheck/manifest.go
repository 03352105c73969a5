// Package podcheck checks that the manifest of a Kubernetes pod gives wsticket the
// time and the ports that its settings need. It knows the fields that this depends
// on, and leaves all others to Kubernetes.
package podcheck

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

// SettingsKey is the name of the configuration in a ConfigMap.
const SettingsKey = "wsticket.yaml"

// Manifest is what a file of Kubernetes objects says about wsticket.
type Manifest struct {
	// Pods are the pods in which a container runs wsticket.
	Pods []Pod
	// Settings are the configurations in ConfigMaps, under SettingsKey.
	Settings []string
}

// Pod is one that runs wsticket, alone or beside an application.
type Pod struct {
	// Name is kind and name of the object that makes the pod, such as
	// Deployment/chat.
	Name string
	// Args are the arguments of wsticket, and Env the variables that the manifest
	// gives a value, as NAME=VALUE.
	Args, Env []string

	spec   podSpec
	ticket *container
	// path leads to the container in the manifest.
	path    string
	sidecar bool
}

type object struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     yaml.Node
	Data     yaml.Node
	Items    []object
}

// Read reads YAML or JSON documents. Objects that make no pods, and fields that do
// not matter, are passed over.
func Read(from io.Reader) (Manifest, error) {
	var m Manifest
	decoder := yaml.NewDecoder(from)
	for n := 1; ; n++ {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		var o object
		if err == nil && len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
			err = fields(&doc, &o)
		}
		if err == nil {
			err = m.add(o)
		}
		if err != nil {
			return m, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

func (m *Manifest) add(o object) error {
	switch o.Kind {
	case "List":
		for _, item := range o.Items {
			if err := m.add(item); err != nil {
				return err
			}
		}
	case "ConfigMap":
		var data map[string]string
		if err := o.Data.Decode(&data); err == nil && data[SettingsKey] != "" {
			m.Settings = append(m.Settings, data[SettingsKey])
		}
	case "Pod":
		return m.addPod(o, &o.Spec)
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job":
		var spec struct{ Template struct{ Spec yaml.Node } }
		if err := fields(&o.Spec, &spec); err != nil {
			return fmt.Errorf("%s/%s: %w", o.Kind, o.Metadata.Name, err)
		}
		return m.addPod(o, &spec.Template.Spec)
	}
	return nil
}

// addPod adds a pod if one of its containers runs wsticket.
func (m *Manifest) addPod(o object, node *yaml.Node) error {
	p := Pod{Name: o.Kind + "/" + o.Metadata.Name}
	if err := fields(node, &p.spec); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.find("containers", p.spec.Containers)
	p.find("initContainers", p.spec.InitContainers)
	if p.ticket == nil {
		return nil
	}
	p.sidecar = p.path[0] == 'i'
	p.Args = p.ticket.Args
	for _, e := range p.ticket.Env {
		if e.Value != nil {
			p.Env = append(p.Env, e.Name+"="+*e.Value)
		}
	}
	m.Pods = append(m.Pods, p)
	return nil
}

// find looks for a container that runs wsticket.
func (p *Pod) find(list string, all []container) {
	if i := slices.IndexFunc(all, container.isTicket); i >= 0 {
		p.ticket, p.path = &all[i], fmt.Sprintf("%s[%s]", list, all[i].Name)
	}
}

// fields decodes a node, if there is one.
func fields(node *yaml.Node, into any) error {
	if node.IsZero() {
		return nil
	}
	return node.Decode(into)
}
