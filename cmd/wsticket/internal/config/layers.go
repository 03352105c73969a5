package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/maskurl"
)

// envPrefix begins the name of every setting in the environment.
const envPrefix = "WSTICKET_"

// fileEnv names the configuration file. It is not a setting itself.
const fileEnv = envPrefix + "CONFIG"

// KeyFileEnv names the file of an operator's key, for the commands that call a running
// service. It is no setting: a shell or a container may have it for all commands.
const KeyFileEnv = envPrefix + "KEY_FILE"

// errNotYAML is wrapped by the fault of a file that is not YAML or has no keys.
// Nothing of the file was read.
var errNotYAML = errors.New("not YAML")

// layers override the defaults. Each may be empty.
type layers struct {
	fileName string   // for messages about file
	dir      string   // to which names of files in it are relative; empty: the working directory
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
			l.fault("", "--set: must be KEY=VALUE, such as ticket.ttl=45s (got %q)", keyPart(setting))
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

// named is a section in a list that may be a name alone.
type named interface{ setName(name string) }

func isNamed(t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[named]()) }

type loader struct {
	root   reflect.Value
	faults []error
}

// unread is the fault of a setting that could not be read.
type unread struct {
	key string // empty if it is about no key
	error
}

// Error returns the fault, and like a Fault hides passwords.
func (u unread) Error() string { return maskurl.HideQuoted(u.error.Error()) }

// Unwrap returns the fault.
func (u unread) Unwrap() error { return u.error }

func (l *loader) fault(key, format string, args ...any) {
	l.faults = append(l.faults, unread{key, fmt.Errorf(format, args...)})
}

func (l *loader) loadFile(from layers) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(from.file))
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return // an empty file, or one with comments only
	}
	if err != nil {
		l.fault("", "%s: %w %s", from.fileName, errNotYAML, reasonOf(err))
		return
	}
	if root := doc.Content[0]; root.Kind != yaml.MappingNode && root.Tag != "!!null" {
		l.fault("", "%s: %w of keys and values, such as ticket: {ttl: 45s} (it holds %s)", from.fileName, errNotYAML, contentOf(root, from.file))
		return
	}
	l.walk(walkAt{source: from.fileName, dir: from.dir, node: doc.Content[0], into: l.root})
	if !errors.Is(decoder.Decode(&second), io.EOF) {
		l.fault("", "%s: must be one document, with no --- inside", from.fileName)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
