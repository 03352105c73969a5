// Package layered fills a configuration struct from layers, each stronger
// than the one before: what the struct holds already (its defaults), a YAML
// file, the environment, and single settings from the command line.
//
// A key is the path of `yaml` tags that leads to a field, for example
// ticket.ttl. Nothing is ignored: unknown keys, keys that stand twice and
// values of the wrong kind are faults, and all faults are reported at once.
package layered

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrNotYAML is wrapped by the fault of a file that is not YAML, or holds no
// keys. Nothing of it has been read.
var ErrNotYAML = errors.New("not YAML")

// Sources are the layers above the defaults. Each may be empty.
type Sources struct {
	// FileName stands in messages about File, which holds YAML.
	FileName string
	File     []byte
	// Env is the environment, as from os.Environ. Only names that begin with
	// EnvPrefix are looked at; Reserved ones among them are no keys.
	Env       []string
	EnvPrefix string
	Reserved  []string
	// Set holds settings of the form key=value.
	Set []string
	// ReadFile reads the file that NAME_FILE in the environment names, where
	// NAME belongs to a [Secret].
	ReadFile func(name string) ([]byte, error)
}

// Load fills dst, a pointer to a struct. The error joins every fault; dst is
// of no use then.
func Load(dst any, s Sources) error {
	l := loader{root: reflect.ValueOf(dst).Elem()}
	l.loadFile(s)
	l.loadEnv(s)
	for _, setting := range s.Set {
		key, text, ok := strings.Cut(setting, "=")
		if !ok {
			l.fault("--set: must be key=value")
			continue
		}
		l.setKey("--set: ", key, text)
	}
	return errors.Join(l.faults...)
}

// Mapping is a setting that a file may write as a mapping of names to single
// values. Everywhere else it is text. Which of its texts are good, and whether
// an error repeats them, is its own matter.
type Mapping interface {
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

func (l *loader) loadFile(s Sources) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(s.File))
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return // an empty file, or nothing but comments
	}
	if err != nil {
		// The library quotes the file, which may hold a secret.
		l.fault("%s: %w%s", s.FileName, ErrNotYAML, lineOf(err))
		return
	}
	if root := doc.Content[0]; root.Kind != yaml.MappingNode && root.Tag != "!!null" {
		l.fault("%s: %w of keys and values", s.FileName, ErrNotYAML)
		return
	}
	l.walk(walkAt{source: s.FileName, node: doc.Content[0], into: l.root})
	if !errors.Is(decoder.Decode(&second), io.EOF) {
		l.fault("%s: must be one document, with no --- inside", s.FileName)
	}
}

// lineOf keeps of a YAML error the line number alone.
func lineOf(err error) string {
	_, rest, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return ""
	}
	digits := strings.TrimLeft(rest, "0123456789")
	return " (line " + rest[:len(rest)-len(digits)] + ")"
}

func (l *loader) loadEnv(s Sources) {
	keys := map[string]field{}
	for _, f := range fields(l.root, "") {
		keys[EnvName(s.EnvPrefix, f.path)] = f
	}
	for _, entry := range s.Env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, s.EnvPrefix) || slices.Contains(s.Reserved, name) {
			continue
		}
		if f, ok := keys[name]; ok {
			l.setText(name+": ", f.path, f.value, text)
			continue
		}
		f, ok := keys[strings.TrimSuffix(name, "_FILE")]
		if _, secret := f.valueOrNil().(*Secret); ok && secret && s.ReadFile != nil {
			l.setSecretFile(s, name, f, text)
			continue
		}
		l.fault("%s: no such setting%s", name, suggest(name, names(keys)))
	}
}

func (l *loader) setSecretFile(s Sources, name string, f field, file string) {
	data, err := s.ReadFile(file)
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

// walkAt is one place of the file and the value that it is for.
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
	_, ok := v.Addr().Interface().(Mapping)
	return ok
}

// walkMapping gives the pairs to the type, once they are known to be pairs.
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
	target, ok := at.into.Addr().Interface().(Mapping)
	if !ok || len(l.faults) > before {
		return
	}
	if err := target.UnmarshalMapping(pairs); err != nil {
		l.fault("%s: %w", at, err)
	}
}

func (l *loader) walkList(at walkAt) {
	if at.node.Kind != yaml.SequenceNode {
		l.fault("%s: must be a list", at)
		return
	}
	list := reflect.MakeSlice(at.into.Type(), len(at.node.Content), len(at.node.Content))
	for i, node := range at.node.Content {
		l.walk(walkAt{source: at.source, path: fmt.Sprintf("%s[%d]", at.path, i), node: node, into: list.Index(i)})
	}
	at.into.Set(list)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
