package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// envPrefix begins the name of every setting in the environment.
const envPrefix = "WSTICKET_"

// fileEnv names the configuration file. It is not a setting itself.
const fileEnv = envPrefix + "CONFIG"

// errNotYAML is wrapped by the fault of a file that is not YAML or has no keys.
// Nothing of the file was read.
var errNotYAML = errors.New("not YAML")

// layers override the defaults. Each may be empty.
type layers struct {
	fileName string   // for messages about file
	file     []byte   // YAML
	env      []string // as from os.Environ; only names with envPrefix count
	set      []string // settings of the form key=value
}

// load fills dst, a pointer to a struct that holds the defaults, from layers,
// each stronger than the one before: the file, the environment, single
// settings from the command line.
//
// A key is the path of `yaml` tags that leads to a field, such as ticket.ttl.
// Nothing is ignored: unknown keys, duplicate keys and values of the wrong kind
// are faults. The error joins all of them; dst has everything that could be
// read.
func load(dst any, from layers) error {
	l := loader{root: reflect.ValueOf(dst).Elem()}
	l.loadFile(from)
	l.loadEnv(from.env)
	for _, setting := range from.set {
		key, text, ok := strings.Cut(setting, "=")
		if !ok {
			l.fault("--set: must be key=value")
			continue
		}
		l.setKey("--set: ", key, text)
	}
	return errors.Join(l.faults...)
}

// mapping is a setting that is a mapping of names to single values in the file,
// and text in the other layers. The type decides which texts are valid, and
// whether an error repeats them.
type mapping interface {
	encoding.TextUnmarshaler
	UnmarshalMapping(map[string]string) error
}

type loader struct {
	root   reflect.Value
	faults []error
}

func (l *loader) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

func (l *loader) loadFile(from layers) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(from.file))
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return // an empty file, or one with comments only
	}
	if err != nil {
		// The library quotes the file, which may hold a secret.
		l.fault("%s: %w%s", from.fileName, errNotYAML, lineOf(err))
		return
	}
	if root := doc.Content[0]; root.Kind != yaml.MappingNode && root.Tag != "!!null" {
		l.fault("%s: %w of keys and values", from.fileName, errNotYAML)
		return
	}
	l.walk(walkAt{source: from.fileName, node: doc.Content[0], into: l.root})
	if !errors.Is(decoder.Decode(&second), io.EOF) {
		l.fault("%s: must be one document, with no --- inside", from.fileName)
	}
}

// lineOf returns the line number of a YAML error and nothing else of it.
func lineOf(err error) string {
	_, rest, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return ""
	}
	digits := strings.TrimLeft(rest, "0123456789")
	return " (line " + rest[:len(rest)-len(digits)] + ")"
}

func (l *loader) loadEnv(env []string) {
	keys := map[string]field{}
	for _, f := range fields(l.root, "") {
		keys[envName(f.path)] = f
	}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || name == fileEnv {
			continue
		}
		if f, ok := keys[name]; ok {
			l.setText(name+": ", f.path, f.value, text)
			continue
		}
		f, ok := keys[strings.TrimSuffix(name, "_FILE")]
		if _, secret := f.valueOrNil().(*Secret); ok && secret {
			l.setSecretFile(name, f, text)
			continue
		}
		l.fault("%s: no such setting%s", name, suggest(name, names(keys)))
	}
}

// setSecretFile reads a secret from the file that NAME_FILE in the environment
// names.
func (l *loader) setSecretFile(name string, f field, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		l.fault("%s: cannot read %s", name, file)
		return
	}
	l.setText(name+": ", f.path, f.value, strings.TrimRight(string(data), "\r\n"))
}

func (l *loader) setKey(source, key, text string) {
	all := map[string]field{}
	for _, f := range fields(l.root, "") {
		all[f.path] = f
	}
	f, ok := all[key]
	if !ok {
		l.fault("%s%s: no such key%s", source, key, suggest(key, names(all)))
		return
	}
	l.setText(source, f.path, f.value, text)
}

// walkAt is a place in the file and the value that it sets.
type walkAt struct {
	source, path string
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
	case isSection(at.into.Type()):
		l.walkSection(at)
	case at.into.Kind() == reflect.Slice:
		l.walkList(at)
	case at.node.Kind == yaml.MappingNode && isMapping(at.into):
		l.walkMapping(at)
	case at.node.Kind != yaml.ScalarNode:
		l.fault("%s: must be a single value", at)
	default:
		l.setText(fmt.Sprintf("%s:%d: ", at.source, at.node.Line), at.path, at.into, at.node.Value)
	}
}

func (l *loader) walkSection(at walkAt) {
	if at.node.Kind != yaml.MappingNode {
		l.fault("%s: must be a mapping of keys", at)
		return
	}
	known := map[string]reflect.Value{}
	for i := range at.into.NumField() {
		known[tagName(at.into.Type().Field(i))] = at.into.Field(i)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(at.node.Content); i += 2 {
		key := at.node.Content[i]
		below := walkAt{source: at.source, path: join(at.path, key.Value), node: at.node.Content[i+1]}
		below.into = known[key.Value]
		switch {
		case seen[key.Value]:
			l.fault("%s:%d: %s: stands twice", at.source, key.Line, below.path)
		case !below.into.IsValid():
			l.fault("%s:%d: %s: no such key%s", at.source, key.Line, below.path, suggest(key.Value, names(known)))
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
		below := walkAt{source: at.source, path: join(at.path, key.Value), node: value}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if _, seen := pairs[key.Value]; seen {
			l.fault("%s:%d: %s: stands twice", at.source, key.Line, below.path)
		}
		if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			l.fault("%s: must be a single value", below)
		}
		pairs[key.Value] = value.Value
	}
	target, ok := at.into.Addr().Interface().(mapping)
	if !ok || len(l.faults) > before {
		return
	}
	if err := target.UnmarshalMapping(pairs); err != nil {
		l.fault("%s: %w", at, err)
	}
}

// walkList takes a list. One scalar is a list of one.
func (l *loader) walkList(at walkAt) {
	elements := at.node.Content
	if at.node.Kind == yaml.ScalarNode && !isSection(at.into.Type().Elem()) {
		elements = []*yaml.Node{at.node}
	} else if at.node.Kind != yaml.SequenceNode {
		l.fault("%s: must be a list", at)
		return
	}
	list := reflect.MakeSlice(at.into.Type(), len(elements), len(elements))
	for i, node := range elements {
		setDefaults(list.Index(i))
		l.walk(walkAt{source: at.source, path: fmt.Sprintf("%s[%d]", at.path, i), node: node, into: list.Index(i)})
	}
	at.into.Set(list)
}

// setDefaults fills in an element of a list, where its type has defaults.
func setDefaults(element reflect.Value) {
	if with, ok := element.Addr().Interface().(interface{ setDefaults() }); ok {
		with.setDefaults()
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
