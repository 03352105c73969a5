package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"
)

// Where the schemas come from: files of Go modules, which are read and not compiled. The
// sums are as in a go.sum.
const (
	kubernetesVersion = "1.37.2"
	kubernetesModule  = "k8s.io/kubernetes@v" + kubernetesVersion
	kubernetesSum     = "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="
	gatewayModule     = "sigs.k8s.io/gateway-api@v1.6.3"
	gatewaySum        = "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc="
	envoyModule       = "github.com/envoyproxy/gateway@v1.7.0"
	envoySum          = "h1:noVz4fADhljSKpQFaspb25+C3kC8bBBisQZle9W0ei4="
)

// downloadTimeout bounds the download of one of them.
const downloadTimeout = 10 * time.Minute

// operatorKinds are kinds of the Prometheus operator, whose module with the CRDs is
// in no registry of ours. They are read strictly into its own Go types instead.
var operatorKinds = map[string]func() any{
	"ServiceMonitor": func() any { return new(monitoring.ServiceMonitor) },
	"PodMonitor":     func() any { return new(monitoring.PodMonitor) },
	"PrometheusRule": func() any { return new(monitoring.PrometheusRule) },
}

// schemas is the folder of the schemas, for all tests of this process.
var schemas string

func TestMain(m *testing.M) {
	m.Run()
	_ = os.RemoveAll(schemas)
}

// conform returns kubeconform with the schemas of Kubernetes and of gateways.
var conform = sync.OnceValues(func() (validator.Validator, error) {
	var err error
	if schemas, err = os.MkdirTemp("", "schemas"); err != nil {
		return nil, err
	}
	if err := errors.Join(writeCore(schemas), writeGateway(schemas)); err != nil {
		return nil, err
	}
	skip := map[string]struct{}{}
	for kind := range operatorKinds {
		skip[kind] = struct{}{}
	}
	return validator.New([]string{filepath.Join(schemas, "{{.ResourceKind}}{{.KindSuffix}}.json")},
		validator.Opts{Strict: true, KubernetesVersion: kubernetesVersion, SkipKinds: skip})
})

// checkObjects holds every object in a text to its schema, and returns the faults
// and a line for each kind.
func checkObjects(t *testing.T, text string) (lines []string, err error) {
	t.Helper()
	v, err := conform()
	if err != nil {
		t.Fatalf("schemas: %v", err)
	}
	var faults []error
	for _, r := range v.Validate("", io.NopCloser(strings.NewReader(text))) {
		if r.Status == validator.Empty {
			continue
		}
		sig, fault := r.Resource.Signature()
		if fault != nil {
			return nil, fault
		}
		name := sig.Kind + "/" + sig.Name
		by := "kubeconform"
		switch r.Status {
		case validator.Valid:
		case validator.Skipped:
			by = "the operator's types"
			if err := yaml.UnmarshalStrict(r.Resource.Bytes, operatorKinds[sig.Kind]()); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		default:
			faults = append(faults, fmt.Errorf("%s: %w %v", name, r.Err, r.ValidationErrors))
		}
		lines = append(lines, fmt.Sprintf("%-32s %s, by %s", name, sig.Version, by))
	}
	if len(lines) == 0 {
		faults = append(faults, errors.New("there are no objects"))
	}
	return lines, errors.Join(faults...)
}

// moduleDir returns the folder of a module's files. It is downloaded if it is not
// there, and has to have the sum.
func moduleDir(module, sum string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", module).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", module, err, out)
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return "", err
	}
	if got.Sum != sum {
		return "", fmt.Errorf("%s: got the sum %s, want %s", module, got.Sum, sum)
	}
	return got.Dir, nil
}

type schema = map[string]any

// writeCore writes a schema for each kind of Kubernetes, from its OpenAPI document.
func writeCore(dir string) error {
	module, err := moduleDir(kubernetesModule, kubernetesSum)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module, "api/openapi-spec/swagger.json"))
	if err != nil {
		return err
	}
	var doc struct{ Definitions map[string]schema }
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	for name, d := range doc.Definitions {
		switch {
		case strings.HasSuffix(name, ".IntOrString"):
			doc.Definitions[name] = schema{"type": []string{"integer", "string"}}
		case strings.HasSuffix(name, ".Quantity"):
			doc.Definitions[name] = schema{"type": []string{"number", "string"}}
		default:
			strict(d)
		}
	}
	for name, d := range doc.Definitions {
		for _, gvk := range kindsOf(d) {
			if err := writeSchema(dir, gvk, schema{"$ref": "#/definitions/" + name, "definitions": reachable(doc.Definitions, name)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// kind is an API group, its version and a kind.
type kind struct{ Group, Version, Kind string }

func kindsOf(d schema) []kind {
	var kinds []kind
	text, _ := json.Marshal(d["x-kubernetes-group-version-kind"])
	_ = json.Unmarshal(text, &kinds) // absent from definitions that are no kind
	return kinds
}

// writeSchema writes a schema under the name by which kubeconform looks for it.
func writeSchema(dir string, k kind, s schema) error {
	name := strings.ToLower(k.Kind) + "-"
	if k.Group != "" {
		group, _, _ := strings.Cut(k.Group, ".")
		name += strings.ToLower(group) + "-"
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+strings.ToLower(k.Version)+".json"), text, 0o600)
}

// reachable returns the definitions that one needs.
func reachable(all map[string]schema, name string) map[string]schema {
	found := map[string]schema{}
	var follow func(name string)
	follow = func(name string) {
		if found[name] != nil {
			return
		}
		found[name] = all[name]
		walk(all[name], func(s schema) {
			if ref, ok := s["$ref"].(string); ok {
				follow(strings.TrimPrefix(ref, "#/definitions/"))
			}
		})
	}
	follow(name)
	return found
}

// strict makes objects refuse fields that they do not have.
func strict(root schema) {
	walk(root, func(s schema) {
		_, has := s["properties"]
		if has && s["additionalProperties"] == nil && s["x-kubernetes-preserve-unknown-fields"] != true {
			s["additionalProperties"] = false
		}
		if s["x-kubernetes-int-or-string"] == true {
			s["type"] = []string{"integer", "string"}
			delete(s, "anyOf")
		}
	})
}

// walk calls do for a schema and all in it.
func walk(node any, do func(schema)) {
	switch n := node.(type) {
	case schema:
		do(n)
		for _, key := range slices.Sorted(maps.Keys(n)) {
			walk(n[key], do)
		}
	case []any:
		for _, item := range n {
			walk(item, do)
		}
	}
}

// writeGateway writes a schema for each kind of the Gateway API, of its experimental
// channel, and of Envoy Gateway. What the CRDs say in CEL is not checked.
func writeGateway(dir string) error {
	for _, crds := range []struct{ module, sum, files string }{
		{gatewayModule, gatewaySum, "config/crd/experimental/gateway.networking.k8s.io_*.yaml"},
		{envoyModule, envoySum, "charts/gateway-helm/crds/generated/*policies.yaml"},
	} {
		module, err := moduleDir(crds.module, crds.sum)
		if err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(module, crds.files))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("%s has no CRDs: %w", crds.module, err)
		}
		for _, file := range files {
			if err := writeCRD(dir, file); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeCRD(dir, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		var crd struct {
			Kind string
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema schema `json:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(doc, &crd); err != nil {
			return err
		}
		for _, version := range crd.Spec.Versions {
			s := version.Schema.OpenAPIV3Schema
			strict(s)
			// The API server knows what is in the metadata of every object.
			if properties, ok := s["properties"].(schema); ok {
				properties["metadata"] = schema{"type": "object"}
			}
			if err := writeSchema(dir, kind{crd.Spec.Group, version.Name, crd.Spec.Names.Kind}, s); err != nil {
				return err
			}
		}
	}
	return nil
}
