// Package strictjson parses JSON from untrusted sources and rejects what two
// parsers could interpret differently. encoding/json, for example, takes the
// last of two equal names, matches names ignoring case, and silently replaces
// invalid text by U+FFFD. RFC 8259 (4, 8.1, 8.2) leaves these cases to the
// parser, and RFC 7515 (4) and RFC 7519 (4) allow rejecting duplicate names.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The reasons for which input is rejected. Their texts contain nothing of the
// input, so that they may be logged and returned to a client.
var (
	errEncoding  = errors.New("not valid UTF-8")
	errSyntax    = errors.New("not exactly one JSON value")
	errSurrogate = errors.New("unpaired surrogate")
	errDepth     = errors.New("nested too deep")
	errDuplicate = errors.New("names that are equal or differ only by case")
	errShape     = errors.New("not an object")
)

// Check returns an error unless data is exactly one JSON value that every parser
// interprets the same way: valid UTF-8 without a byte order mark, no unpaired
// surrogate escape, no two names of one object that are equal or differ only by
// case (at any depth), and nothing after the value. Objects and arrays may be
// nested at most maxDepth levels deep; 0 allows only a scalar. The error
// contains nothing of data.
//
// Check takes time linear in len(data), which the caller must limit.
func Check(data []byte, maxDepth int) error {
	w := walker{data: data, maxDepth: maxDepth}
	if err := w.check(); err != nil {
		return fmt.Errorf("strictjson: %w", err)
	}
	return nil
}

// Members checks data like [Check] and returns the members of the object in it,
// by their decoded names. The values are the raw text in data, which they alias.
// Data that is not an object is an error. The error contains nothing of data.
func Members(data []byte, maxDepth int) (map[string]json.RawMessage, error) {
	w := walker{data: data, maxDepth: maxDepth, members: make(map[string]json.RawMessage)}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("strictjson: %w", err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, whiteSpace), []byte{'{'}) {
		return nil, fmt.Errorf("strictjson: %w", errShape)
	}
	return w.members, nil
}

// whiteSpace is the white space of JSON (RFC 8259 2).
const whiteSpace = " \t\r\n"

// Text decodes a value that [Members] has returned, and reports whether it is a
// string.
func Text(value json.RawMessage) (string, bool) {
	if !bytes.HasPrefix(value, []byte{'"'}) {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var s string
	return s, json.Unmarshal(value, &s) == nil
}

// walker scans data once. json.Valid has accepted data before, so that the
// walker needs no grammar: it only tracks brackets and strings.
type walker struct {
	data     []byte
	maxDepth int
	open     []container
	members  map[string]json.RawMessage // of the outermost object; nil if not wanted
	name     string                     // the last name in the outermost object
	value    int                        // the index at which its value begins; 0: none
}

// container is an object or array whose closing bracket has not been read.
type container struct {
	object bool
	inName bool                // the next string is a name
	names  map[string]struct{} // the folded names so far
}

func (w *walker) check() error {
	if !utf8.Valid(w.data) {
		return errEncoding
	}
	if !json.Valid(w.data) {
		return errSyntax
	}
	return w.walk()
}

func (w *walker) walk() error {
	for i := 0; i < len(w.data); i++ {
		switch w.data[i] {
		case '{', '[':
			if len(w.open) >= w.maxDepth {
				return errDepth
			}
			object := w.data[i] == '{'
			w.open = append(w.open, container{object: object, inName: object})
		case '}', ']':
			w.member(i)
			w.open = w.open[:len(w.open)-1]
		case ':':
			w.open[len(w.open)-1].inName = false
			if len(w.open) == 1 {
				w.value = i + 1
			}
		case ',':
			w.member(i)
			top := &w.open[len(w.open)-1]
			top.inName = top.object
		case '"':
			end := closingQuote(w.data, i)
			if err := w.text(w.data[i+1 : end]); err != nil {
				return err
			}
			i = end
		}
	}
	return nil
}

// member stores the member of the outermost object whose value ends at index
// end, if there is one.
func (w *walker) member(end int) {
	if len(w.open) != 1 || w.value == 0 {
		return
	}
	if w.members != nil {
		w.members[w.name] = bytes.Trim(w.data[w.value:end], whiteSpace)
	}
	w.value = 0
}

// text checks the inside of a string literal, and records it if it is a name.
func (w *walker) text(raw []byte) error {
	escaped := bytes.IndexByte(raw, '\\') >= 0
	if escaped && !paired(raw) {
		return errSurrogate
	}
	if len(w.open) == 0 || !w.open[len(w.open)-1].inName {
		return nil
	}
	name := string(raw)
	if escaped {
		// Names are compared decoded: an escape is another spelling of the same
		// name.
		if err := json.Unmarshal([]byte(`"`+name+`"`), &name); err != nil {
			return errSyntax
		}
	}
	if len(w.open) == 1 {
		w.name = name
	}
	return w.open[len(w.open)-1].add(fold(name))
}

// add records a folded name. It returns an error if the object has it already.
func (c *container) add(name string) error {
	if _, taken := c.names[name]; taken {
		return errDuplicate
	}
	if c.names == nil {
		c.names = make(map[string]struct{})
	}
	c.names[name] = struct{}{}
	return nil
}

// closingQuote returns the index of the quote that ends the string literal whose
// opening quote is at start.
func closingQuote(data []byte, start int) int {
	for i := start + 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
}

// paired reports whether each surrogate escape (\uD800 to \uDFFF) in raw is half
// of a pair.
func paired(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // A backslash is never the last byte.
		if raw[i] != 'u' {
			continue
		}
		unit := hex4(raw[i+1:])
		i += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		rest := raw[i+1:]
		if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' ||
			utf16.DecodeRune(unit, hex4(rest[2:])) == unicode.ReplacementChar {
			return false
		}
		i += 6
	}
	return true
}

// hex4 parses the four hexadecimal digits that follow \u in valid JSON.
func hex4(digits []byte) rune {
	unit, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(unit)
}

// fold returns the same string for all names that encoding/json would match with
// each other. It replaces each rune by the smallest one that differs from it
// only by case.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
