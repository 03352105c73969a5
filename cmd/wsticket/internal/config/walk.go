package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/maskurl"
)

// walkAt is a place in the file and the value that it sets.
type walkAt struct {
	source, path string
	dir          string // that of the file; empty for the other layers
	node         *yaml.Node
	into         reflect.Value
}

func (at walkAt) String() string {
	return fmt.Sprintf("%s:%d: %s", at.source, at.node.Line, at.path)
}

func (l *loader) walk(at walkAt) {
	if at.node.Kind == yaml.AliasNode {
		at.node = at.node.Alias
	}
	switch {
	case at.node.Tag == "!!null":
		return // a key without a value keeps its default
	case at.node.Kind == yaml.ScalarNode && isNamed(at.into.Type()):
		l.setText(fmt.Sprintf("%s:%d: ", at.source, at.node.Line), at.path, at.into, at.node.Value)
	case isSection(at.into.Type()):
		l.walkSection(at)
	case at.into.Kind() == reflect.Slice:
		l.walkList(at)
	case at.node.Kind == yaml.MappingNode && isMapping(at.into):
		l.walkMapping(at)
	case at.node.Kind != yaml.ScalarNode:
		l.fault(at.path, "%s: must be a single value, not a %s", at, kindOf(at.node))
	default:
		l.setText(fmt.Sprintf("%s:%d: ", at.source, at.node.Line), at.path, at.into, at.resolved())
		if secret, ok := at.into.Addr().Interface().(*Secret); ok {
			secret.dir = at.dir // a URL names files, too
			if at.dir != "" {
				secret.file = at.source
			}
		}
	}
}

// resolved returns the value. The name of a file is taken relative to the folder
// of the configuration file, so that it does not matter where one stands.
func (at walkAt) resolved() string {
	if at.dir == "" || at.node.Value == "" || !strings.HasSuffix(at.path, fileSuffix) || filepath.IsAbs(at.node.Value) {
		return at.node.Value
	}
	return filepath.Join(at.dir, at.node.Value)
}

// fileSuffix ends every key whose value is the name of a file.
const fileSuffix = "_file"

// kindOf is the kind of a node that is no scalar.
func kindOf(node *yaml.Node) string {
	if node.Kind == yaml.SequenceNode {
		return "list"
	}
	return "mapping of keys"
}

func (l *loader) walkSection(at walkAt) {
	if at.node.Kind != yaml.MappingNode {
		l.fault(at.path, "%s: must be a mapping of keys: %s", at, strings.Join(keysIn(at.into.Type()), ", "))
		return
	}
	known := map[string]reflect.Value{}
	for i := range at.into.NumField() {
		known[tagName(at.into.Type().Field(i))] = at.into.Field(i)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(at.node.Content); i += 2 {
		key := at.node.Content[i]
		below := walkAt{source: at.source, dir: at.dir, path: join(at.path, maskurl.Hide(key.Value)), node: at.node.Content[i+1]}
		below.into = known[key.Value]
		switch {
		case seen[key.Value]:
			l.fault(below.path, "%s:%d: %s: stands twice", at.source, key.Line, below.path)
		case !below.into.IsValid():
			l.fault(below.path, "%s:%d: %s: %s", at.source, key.Line, below.path, l.unknownKey(at.path, key.Value))
		default:
			l.walk(below)
		}
		seen[key.Value] = true
	}
}

func isMapping(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(mapping)
	return ok
}

// walkMapping hands the pairs to the type, after checking that they are pairs.
func (l *loader) walkMapping(at walkAt) {
	pairs, before := map[string]string{}, len(l.faults)
	for i := 0; i+1 < len(at.node.Content); i += 2 {
		key, value := at.node.Content[i], at.node.Content[i+1]
		below := walkAt{source: at.source, path: join(at.path, maskurl.Hide(key.Value)), node: value}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if _, seen := pairs[key.Value]; seen {
			l.fault(below.path, "%s:%d: %s: stands twice", at.source, key.Line, below.path)
		}
		if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			l.fault(below.path, "%s: must be a single value", below)
		}
		pairs[key.Value] = value.Value
	}
	target, ok := at.into.Addr().Interface().(mapping)
	if !ok || len(l.faults) > before {
		return
	}
	if err := target.UnmarshalMapping(pairs); err != nil {
		l.fault(at.path, "%s: %w", at, err)
	}
}

// walkList takes a list. One scalar is a list of one.
func (l *loader) walkList(at walkAt) {
	elements := at.node.Content
	if element := at.into.Type().Elem(); at.node.Kind == yaml.ScalarNode && (!isSection(element) || isNamed(element)) {
		elements = []*yaml.Node{at.node}
	} else if at.node.Kind != yaml.SequenceNode {
		l.fault(at.path, "%s: must be a list: begin each entry with a dash, or write [ and ] around", at)
		return
	}
	list := reflect.MakeSlice(at.into.Type(), len(elements), len(elements))
	for i, node := range elements {
		setDefaults(list.Index(i))
		l.walk(walkAt{source: at.source, dir: at.dir, path: fmt.Sprintf("%s[%d]", at.path, i), node: node, into: list.Index(i)})
	}
	at.into.Set(list)
}

// setDefaults fills in an element of a list, where its type has defaults.
func setDefaults(element reflect.Value) {
	if with, ok := element.Addr().Interface().(interface{ setDefaults() }); ok {
		with.setDefaults()
	}
}
