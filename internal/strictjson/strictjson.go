// Package strictjson reads JSON that comes from outside and refuses what two
// parsers could understand differently: encoding/json takes the last of two
// equal names, matches names ignoring case, and turns broken text into U+FFFD
// without a word. RFC 8259 (4, 8.1, 8.2) leaves all of these to the parser,
// and RFC 7515 (4) and RFC 7519 (4) allow to refuse them.
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

// The refusals. Their texts hold nothing of the input.
var (
	errEncoding  = errors.New("not valid UTF-8")
	errSyntax    = errors.New("not exactly one JSON value")
	errSurrogate = errors.New("unpaired surrogate")
	errDepth     = errors.New("nested too deep")
	errDuplicate = errors.New("names that are equal or differ only by case")
	errShape     = errors.New("not an object")
)

// Check tells whether data is exactly one JSON value that every parser reads
// alike: valid UTF-8 without a byte order mark, no unpaired surrogate escape,
// no two names of one object that are equal or differ only by case (at any
// depth), nothing after the value, and at most maxDepth objects and arrays
// inside each other (0 allows only a scalar). The error holds nothing of data.
//
// Check takes time linear in len(data); the caller bounds that.
func Check(data []byte, maxDepth int) error {
	w := walker{data: data, maxDepth: maxDepth}
	if err := w.check(); err != nil {
		return fmt.Errorf("strictjson: %w", err)
	}
	return nil
}

// Members checks data as [Check] does and returns the members of the object
// that it must be, by their decoded names. The values are as they stand in data,
// and alias it. The error holds nothing of data.
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

// whiteSpace is what JSON has of it (RFC 8259 2).
const whiteSpace = " \t\r\n"

// Text decodes a value of [Members] that is a string and nothing else.
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

// walker passes once over data that is known to be valid JSON, so that it
// needs no grammar: it only follows brackets and strings.
type walker struct {
	data     []byte
	maxDepth int
	open     []container
	members  map[string]json.RawMessage // of the outermost object, nil where nobody asks
	name     string                     // the last one in it
	value    int                        // where the value of that begins, 0 for none
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

// member keeps the member of the outermost object that ends at end, if one does.
func (w *walker) member(end int) {
	if len(w.open) != 1 || w.value == 0 {
		return
	}
	if w.members != nil {
		w.members[w.name] = bytes.Trim(w.data[w.value:end], whiteSpace)
	}
	w.value = 0
}

// text takes the inside of a string literal, and notes it if it is a name.
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
		// Two spellings of one name are one name.
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

// closingQuote returns the index of the quote that ends the string literal
// that starts at start.
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

// paired tells whether each \uD800-\uDFFF escape in raw is a half of a pair.
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

// hex4 reads the four hexadecimal digits that valid JSON has after \u.
func hex4(digits []byte) rune {
	unit, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(unit)
}

// fold maps names that encoding/json would match with each other onto one
// spelling: each rune becomes the least of those that differ by case only.
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
