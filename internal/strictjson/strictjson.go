// Package strictjson checks JSON from outside and refuses what two parsers could
// understand differently. encoding/json takes the last of two equal names, ignores
// the case of names, and silently replaces invalid text by U+FFFD. RFC 8259
// (4, 8.1, 8.2) leaves all of this to the parser; RFC 7515 (4) and RFC 7519 (4)
// allow parsers to refuse it.
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

// The errors. Their texts contain nothing of the input.
var (
	errEncoding  = errors.New("not valid UTF-8")
	errSyntax    = errors.New("not exactly one JSON value")
	errSurrogate = errors.New("unpaired surrogate")
	errDepth     = errors.New("nested too deep")
	errDuplicate = errors.New("names that are equal or differ only by case")
	errShape     = errors.New("not an object")
)

// Check returns an error unless data is exactly one JSON value that every parser
// reads in the same way: valid UTF-8 without a byte order mark, no unpaired
// surrogate escape, no object (at any depth) with two names that are equal or
// differ only by case, nothing after the value, and at most maxDepth nested
// objects and arrays (0 allows only a scalar). The error contains nothing of data.
//
// Check takes time linear in len(data). The caller limits the length.
func Check(data []byte, maxDepth int) error {
	w := walker{data: data, maxDepth: maxDepth}
	if err := w.check(); err != nil {
		return fmt.Errorf("strictjson: %w", err)
	}
	return nil
}

// Members checks data as [Check] does and returns the members of the object that
// data must be, by their decoded names. The values are slices of data. The error
// contains nothing of data.
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

// Text decodes a value of [Members]. It returns false if that is not a string.
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

// walker makes one pass over data that is known to be valid JSON. So it needs no
// grammar and only follows brackets and strings.
type walker struct {
	data     []byte
	maxDepth int
	open     []container
	members  map[string]json.RawMessage // of the outermost object; nil: not wanted
	name     string                     // the latest name in the outermost object
	value    int                        // the offset of its value, 0 for none
}

// container is an object or array that is not closed yet.
type container struct {
	object bool
	inName bool // the next string of the object is a name
	names  map[string]struct{}
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

// member stores the member of the outermost object that ends at end, if there is
// one.
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
		// A name with escapes equals the same name without them.
		if err := json.Unmarshal([]byte(`"`+name+`"`), &name); err != nil {
			return errSyntax
		}
	}
	if len(w.open) == 1 {
		w.name = name
	}
	return w.open[len(w.open)-1].add(fold(name))
}

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

// closingQuote returns the index of the quote that ends the string literal that
// begins at start.
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

// paired reports whether each \uD800-\uDFFF escape in raw is part of a pair.
func paired(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // a backslash is never the last byte
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

// fold returns the same string for all names that encoding/json treats as equal:
// it replaces each rune by the smallest of those that differ from it only by case.
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
