package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Key describes one setting for the reference.
type Key struct {
	// Path is the key in the file; keys of a list's elements have [] in it.
	Path string
	// Env is its name in the environment, empty for keys inside a list.
	Env string
	// Default is the value if nothing is set, as a user would write it.
	Default string
	// Help is the field's `help` tag.
	Help string
}

// Keys lists every setting with its default, in the order of the reference.
func Keys() []Key {
	defaults := Default()
	return keysOf(&defaults)
}

// keysOf lists the settings of src, a pointer to a struct, in the order of its
// fields.
func keysOf(src any) []Key {
	var keys []Key
	for _, f := range fields(reflect.ValueOf(src).Elem(), "") {
		keys = append(keys, Key{
			Path: f.path, Env: envName(f.path), Default: show(f.value), Help: f.help,
		})
		if f.value.Kind() != reflect.Slice || !isSection(f.value.Type().Elem()) {
			continue
		}
		element := reflect.New(f.value.Type().Elem()).Elem()
		setDefaults(element)
		for _, inner := range fields(element, f.path+"[]") {
			keys = append(keys, Key{Path: inner.path, Default: show(inner.value), Help: inner.help})
		}
	}
	return keys
}

// envName returns the environment's name for a key: the prefix and the path in
// upper case, with underscores for dots.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// field is one setting: everything below the root that is not a section.
type field struct {
	path, help string
	value      reflect.Value
}

func (f field) valueOrNil() any {
	if !f.value.IsValid() {
		return nil
	}
	return f.value.Addr().Interface()
}

func fields(v reflect.Value, path string) []field {
	var all []field
	for i := range v.NumField() {
		structField := v.Type().Field(i)
		name := join(path, tagName(structField))
		if isSection(structField.Type) {
			all = append(all, fields(v.Field(i), name)...)
			continue
		}
		all = append(all, field{path: name, help: structField.Tag.Get("help"), value: v.Field(i)})
	}
	return all
}

func tagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// isSection reports whether t is a group of settings: a struct that does not
// read itself from text.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func show(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case Secret:
		// A default is not a secret: it is in the documentation.
		return value.Reveal()
	case time.Duration:
		return shortDuration(value)
	case encoding.TextMarshaler:
		if text, err := value.MarshalText(); err == nil {
			return string(text)
		}
	case fmt.Stringer:
		return value.String()
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// shortDuration writes 24h, 5m and 75s where Go writes 24h0m0s, 5m0s and 1m15s.
func shortDuration(d time.Duration) string {
	if d%time.Minute != 0 && d%time.Second == 0 && d < 2*time.Minute {
		return strconv.Itoa(int(d/time.Second)) + "s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
