package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// setText parses text into a field. A fault names the key, what was expected
// and the value, unless the value is a secret.
func (l *loader) setText(source, path string, into reflect.Value, text string) {
	if into.Kind() == reflect.Slice {
		l.setList(source, path, into, text)
		return
	}
	if err := parseText(into, text); err != nil {
		l.fault(path, "%s%s: %w", source, path, err)
	}
}

// setList takes a YAML list in brackets, or scalars between commas.
func (l *loader) setList(source, path string, into reflect.Value, text string) {
	element := into.Type().Elem()
	if strings.HasPrefix(strings.TrimSpace(text), "[") || isSection(element) && !isNamed(element) {
		var doc yaml.Node
		if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
			l.fault(path, "%s%s: not a YAML list, such as [a, b]", source, path)
			return
		}
		l.walk(walkAt{source: strings.TrimSuffix(source, ": "), path: path, node: doc.Content[0], into: into})
		return
	}
	list := reflect.MakeSlice(into.Type(), 0, 0)
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		element := reflect.New(element).Elem()
		l.setText(source, path, element, part)
		list = reflect.Append(list, element)
	}
	into.Set(list)
}

// parseText sets into, or returns what is wrong with text. A type that reads
// itself decides whether its error repeats the value.
func parseText(into reflect.Value, text string) error {
	switch target := into.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("must be a duration such as 30s or 5m (got %q)%s", text, withUnit(text, "s"))
		}
		*target = d
		return nil
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	case named:
		target.setName(text)
		return nil
	}
	return parseKind(into, text)
}

func parseKind(into reflect.Value, text string) error {
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be true or false (got %q)", text)
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a whole number (got %q)", text)
		}
		into.SetInt(n)
	default:
		return fmt.Errorf("cannot be set from text: it is of kind %s", into.Kind())
	}
	return nil
}

// withUnit says what to write in place of a number without its unit.
func withUnit(text, unit string) string {
	if _, err := strconv.ParseUint(text, 10, 32); err != nil {
		return ""
	}
	return ": write " + text + unit
}
