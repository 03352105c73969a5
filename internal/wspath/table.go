package wspath

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table says whose each path is. It is safe for concurrent use.
type Table struct {
	unescape func(string) string
	entries  []entry
	owners   int
}

type entry struct {
	Pattern
	owner string
}

// NewTable returns a Table without paths. What unescape returns has no escape left,
// however often the text was escaped.
func NewTable(unescape func(string) string) *Table { return &Table{unescape: unescape} }

// Empty reports whether t has no paths.
func (t *Table) Empty() bool { return len(t.entries) == 0 }

// Add adds the patterns of another owner. Where patterns of two owners match the
// same request, the more specific one counts: a plain segment goes before a
// template. The error joins one for each pattern that is neither more nor less
// specific than that of another owner; it is not added.
func (t *Table) Add(owner string, patterns []Pattern) error {
	var faults []error
	others := t.entries
	t.owners++
	for _, p := range patterns {
		i := slices.IndexFunc(others, func(e entry) bool { return p.overlaps(e.Pattern) && !p.within(e.Pattern) && !e.within(p) })
		switch {
		case i < 0:
			t.entries = append(t.entries, entry{p, owner})
		case p.Same(others[i].Pattern):
			faults = append(faults, fmt.Errorf("%s is a path of %q, too: a path is of one", p, others[i].owner))
		default:
			faults = append(faults, fmt.Errorf("a request could be for %s and for %s of %q, and neither is more specific: write plain segments where they differ", p, others[i], others[i].owner))
		}
	}
	return errors.Join(faults...)
}

// Has reports whether an owner has the pattern.
func (t *Table) Has(p Pattern) bool {
	return slices.ContainsFunc(t.entries, func(e entry) bool { return e.Same(p) })
}

// Owner returns whose a path is, as it was sent. A path that is nobody's has none.
// Nor has one that an application might take for a path of another owner: because
// it ignores case, or unescapes twice, or cuts what stands behind a semicolon or a
// dot, or takes all that is below a path for that path.
func (t *Table) Owner(path string) (owner string, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	sent := split(path)
	best := -1
	for i, e := range t.entries {
		if e.matches(sent) && (best < 0 || e.within(t.entries[best].Pattern)) {
			best = i
		}
	}
	if best < 0 || t.owners > 1 && t.ambiguous(t.entries[best], sent) {
		return "", false
	}
	return t.entries[best].owner, true
}

// ambiguous reports whether an application might take the segments of a path that
// matches found for those of another owner.
func (t *Table) ambiguous(found entry, sent []string) bool {
	read, ok := t.readings(sent)
	if !ok {
		return true
	}
	return slices.ContainsFunc(t.entries, func(e entry) bool {
		n := len(e.segments)
		if e.owner == found.owner || n > len(read) || !similar(e.segments, read[:n]) {
			return false
		}
		if n == len(read) && n < len(sent) {
			return true // nothing is left of the other segments
		}
		// Two plain segments differ. What stands for a template may look like one.
		// Some applications take all that is below a path for that path.
		var above Pattern
		for _, r := range read[:n] {
			above.segments = append(above.segments, found.segments[r.place])
		}
		return e.within(above)
	})
}

func similar(segments []string, read []reading) bool {
	return slices.EqualFunc(segments, read, func(segment string, r reading) bool { return isTemplate(segment) || r.looksLike(segment) })
}

// reading is a segment as applications might read it, in lower case.
type reading struct {
	// place is which segment it is among those sent.
	place int
	// text is completely unescaped, and ends before a semicolon (parameters, which
	// Tomcat cuts), or where a URL would end. It has no spaces around it, which
	// Windows ignores at the end.
	text string
	// stem ends before the first dot, which begins a format in Rails and Spring.
	stem string
}

func (r reading) looksLike(plain string) bool {
	return strings.EqualFold(r.text, plain) || strings.EqualFold(r.stem, plain)
}

// readings returns what applications might read. A segment of which nothing is
// left disappears, as slashes are merged. The path ends where a URL would. If it
// would be another number of segments when it is unescaped twice, or is not UTF-8,
// ok is false.
func (t *Table) readings(sent []string) (read []reading, ok bool) {
	for place, segment := range sent {
		text := t.unescape(segment)
		if !isPlain(text) || !utf8.ValidString(text) {
			return nil, false
		}
		end := strings.IndexAny(text, ";?#")
		ends := end >= 0 && text[end] != ';'
		if end >= 0 {
			text = text[:end]
		}
		if text = strings.TrimFunc(strings.Map(asASCII, text), unicode.IsSpace); text != "" {
			// Some compare capital letters: those of ı and ſ are I and S.
			text = strings.ToLower(strings.ToUpper(text))
			stem, _, _ := strings.Cut(text, ".")
			read = append(read, reading{place, text, stem})
		}
		if ends {
			break
		}
	}
	return read, true
}

// asASCII returns what compatibility forms and Windows take a full-width character
// for, and drops format characters, which nobody sees.
func asASCII(r rune) rune {
	switch {
	case '\uff01' <= r && r <= '\uff5e':
		return r - '\uff01' + '!'
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}
