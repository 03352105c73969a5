// Package wspath matches the paths of WebSockets: plain segments, and templates
// such as {room} that stand for one segment.
package wspath

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// form matches a plain segment, which no server escapes, cleans or takes for a
// pattern, and behind it plain segments and templates.
var form = regexp.MustCompile(`^/[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{[A-Za-z_][A-Za-z0-9_]*\}))*/?$`)

// Pattern is a path, perhaps with templates. It matches with and without a slash
// at its end. The zero Pattern matches nothing.
type Pattern struct {
	text     string
	segments []string // without the slash at the end
}

// Parse reads a pattern.
func Parse(text string) (Pattern, error) {
	if !form.MatchString(text) {
		return Pattern{}, fmt.Errorf("must be a plain path such as /ws or /ws/chat/{room}, whose first segment is no template (got %q)", text)
	}
	p := Pattern{text, split(text)}
	var names []string
	for _, segment := range p.segments {
		if isTemplate(segment) {
			names = append(names, segment)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) < len(names) {
		return Pattern{}, fmt.Errorf("must not have the same name in two segments (got %q)", text)
	}
	return p, nil
}

// ParseAll reads patterns that match different requests. The error joins that of
// each pattern; the result has the others.
func ParseAll(texts []string) ([]Pattern, error) {
	var (
		patterns []Pattern
		faults   []error
	)
	for _, text := range texts {
		p, err := Parse(text)
		switch {
		case err != nil:
			faults = append(faults, err)
		case slices.ContainsFunc(patterns, p.Same):
			faults = append(faults, fmt.Errorf("must not match the same requests as another one (got %q)", text))
		default:
			patterns = append(patterns, p)
		}
	}
	return patterns, errors.Join(faults...)
}

// String returns the text that was parsed.
func (p Pattern) String() string { return p.text }

// First returns the first segment.
func (p Pattern) First() string { return p.segments[0] }

// Static reports whether p has no template.
func (p Pattern) Static() bool { return !slices.ContainsFunc(p.segments, isTemplate) }

// Same reports whether p and q match the same requests: they differ in the names
// of templates and in a slash at the end only.
func (p Pattern) Same(q Pattern) bool {
	return slices.EqualFunc(p.segments, q.segments, func(a, b string) bool { return a == b || isTemplate(a) && isTemplate(b) })
}

// Match reports whether p matches a path as it was sent, with its escapes. A plain
// segment has one spelling. What stands for a template has to be one segment, and
// one that does not begin with a dot, also after it is unescaped: an application
// could read another one as another path.
func (p Pattern) Match(path string) bool {
	return strings.HasPrefix(path, "/") && p.matches(split(path))
}

func (p Pattern) matches(sent []string) bool {
	return len(p.segments) > 0 && slices.EqualFunc(p.segments, sent, func(segment, sent string) bool {
		if !isTemplate(segment) {
			return segment == sent
		}
		plain, err := url.PathUnescape(sent)
		return err == nil && isPlain(plain)
	})
}

// overlaps reports whether there is a request that both match. Case counts for
// nothing: an application that ignores it takes both for the same.
func (p Pattern) overlaps(q Pattern) bool {
	return slices.EqualFunc(p.segments, q.segments, func(a, b string) bool {
		return isTemplate(a) || isTemplate(b) || strings.EqualFold(a, b)
	})
}

// within reports whether q matches every request that p matches, and more: where
// they differ, p has a plain segment and q a template.
func (p Pattern) within(q Pattern) bool {
	more := false
	return slices.EqualFunc(p.segments, q.segments, func(a, b string) bool {
		more = more || !isTemplate(a) && isTemplate(b)
		return isTemplate(b) || !isTemplate(a) && strings.EqualFold(a, b)
	}) && more
}

// split returns the segments of a path that begins with a slash, whether it ends
// with one or not.
func split(path string) []string {
	return strings.Split(strings.TrimSuffix(path[1:], "/"), "/")
}

func isTemplate(segment string) bool { return strings.HasPrefix(segment, "{") }

// isPlain reports whether an unescaped segment is one segment, and does not begin
// with a dot.
func isPlain(segment string) bool {
	return segment != "" && segment[0] != '.' &&
		!strings.ContainsFunc(segment, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' })
}
