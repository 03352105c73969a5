package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"wsticket/internal/strictjson"
)

// document is a JSON object about keys as its author publishes it. Only the
// members that are asked for matter; whatever else is in it is ignored: other
// members, also repeated ones, and a byte order mark. The names are compared
// byte for byte.
type document struct {
	members  map[string]json.RawMessage
	repeated map[string]bool // names that are there more than once
}

// byteOrderMark is what some editors and servers put before UTF-8.
var byteOrderMark = []byte("\ufeff")

var errNotText = errors.New("is not a text")

// parseDocument reads an object that may be followed by white space alone. It
// takes time linear in the size, which the caller must limit.
func parseDocument(data []byte) (document, error) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	d := document{members: make(map[string]json.RawMessage), repeated: make(map[string]bool)}
	if !json.Valid(data) {
		return d, notJSON(data)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return d, errors.New("JSON, but not an object")
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if err = errors.Join(err, decoder.Decode(&value)); err != nil {
			return d, errors.New("not JSON")
		}
		_, d.repeated[name] = d.members[name]
		d.members[name] = value
	}
	return d, nil
}

// notJSON says what it is instead, as far as its first byte shows.
func notJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case len(data) == 0:
		return errors.New("empty")
	case data[0] == '<':
		return errors.New("HTML or XML, not JSON")
	default:
		return errors.New("not JSON")
	}
}

// value returns a member, nil if it is absent. A member that is null, an empty
// text or an empty list is absent too: many libraries write what they do not
// have like that.
func (d document) value(name string) (json.RawMessage, error) {
	value := d.members[name]
	switch {
	case d.repeated[name]:
		return nil, fmt.Errorf("%s is there twice", name)
	case string(value) == "null", string(value) == `""`,
		bytes.HasPrefix(value, []byte("[")) && len(bytes.TrimSpace(value[1:len(value)-1])) == 0:
		return nil, nil
	}
	return value, nil
}

// has reports whether a member is there, or cannot be read in one way only.
func (d document) has(name string) bool {
	value, err := d.value(name)
	return err != nil || value != nil
}

// text reads a member that is a text, "" if it is absent.
func (d document) text(name string) (string, error) {
	value, err := d.value(name)
	if err != nil || value == nil {
		return "", err
	}
	text, ok := strictjson.Text(value)
	if !ok || strictjson.Check(value, 0) != nil {
		return "", fmt.Errorf("%s %w", name, errNotText)
	}
	return text, nil
}

// list reads a member that is a list, nil if it is absent.
func (d document) list(name string) ([]json.RawMessage, error) {
	value, err := d.value(name)
	if err != nil || value == nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, fmt.Errorf("%s is not a list", name)
	}
	return list, nil
}
