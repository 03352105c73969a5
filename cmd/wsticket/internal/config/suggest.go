package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// unknownKey says that there is no such key at a place, and which one may have
// been meant: one there that differs by a letter, else those of that name at other
// places, else one there that is spelled nearly like it. Otherwise it lists the keys of the place.
func (l *loader) unknownKey(place, name string) string {
	t := l.root.Type()
	if list, _, within := strings.Cut(name, "["); place == "" && within && typeAt(t, list) != nil {
		return "no key of a list can be set alone: set the whole list, as in " + list + "=[{…}, {…}]"
	}
	if here := typeAt(t, place); here != nil {
		t = here
	}
	known := keysIn(t)
	if place == "" && strings.Contains(name, ".") {
		known = paths(t, "")
	}
	if section := typeAt(l.root.Type(), name); place == "" && section != nil {
		return "is a section: set one of its keys, such as " + join(name, keysIn(section)[0])
	}
	best := nearest(strings.ToLower(name), known)
	moved := l.elsewhere(name)
	switch {
	case best != "" && (edits(strings.ToLower(name), best) == 1 || len(moved) == 0):
		return "no such key (did you mean " + join(place, best) + "?)"
	case len(moved) > 0:
		return "no such key (did you mean " + strings.Join(moved, " or ") + "?)"
	}
	return "no such key (there are " + strings.Join(keysIn(t), ", ") + ")"
}

// elsewhere returns the keys whose last part is name.
func (l *loader) elsewhere(name string) []string {
	return slices.DeleteFunc(paths(l.root.Type(), ""), func(path string) bool {
		return !strings.HasSuffix(path, "."+name)
	})
}

// paths returns every key below t; those of a list's elements have [] in them.
func paths(t reflect.Type, path string) []string {
	var all []string
	for _, name := range keysIn(t) {
		below := typeAt(t, name)
		if below == nil {
			all = append(all, join(path, name))
			continue
		}
		if _, list := fieldOf(t, name); list {
			name += "[]"
		}
		all = append(all, paths(below, join(path, name))...)
	}
	return all
}

// keysIn returns the keys of a section, in the order of the reference.
func keysIn(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		all = append(all, tagName(t.Field(i)))
	}
	return all
}

// typeAt returns the type of the section at a path, or of a list's elements. It
// is nil for anything else.
func typeAt(t reflect.Type, path string) reflect.Type {
	for name := range strings.SplitSeq(index.ReplaceAllString(path, ""), ".") {
		if t, _ = fieldOf(t, name); t == nil {
			return nil
		}
	}
	return t
}

// fieldOf returns the section with that key, or the section that a list is of.
func fieldOf(t reflect.Type, name string) (section reflect.Type, list bool) {
	for i := range t.NumField() {
		if tagName(t.Field(i)) != name {
			continue
		}
		section = t.Field(i).Type
		if list = section.Kind() == reflect.Slice; list {
			section = section.Elem()
		}
		if isSection(section) {
			return section, list
		}
	}
	return nil, false
}

// suggestEnv says which name in the environment may have been meant.
func suggestEnv(name string, known map[string]field) string {
	if best := nearest(name, names(known)); best != "" {
		return " (did you mean " + best + "?)"
	}
	if serviceLink.MatchString(name) {
		return " (Kubernetes sets it for a Service called wsticket: set enableServiceLinks: false in the pod)"
	}
	for list, f := range known {
		if f.value.Kind() == reflect.Slice && strings.HasPrefix(name, list+"_") {
			return " (a list is one value: " + list + "='[{…}, {…}]')"
		}
	}
	return ""
}

// serviceLink is a name that Kubernetes sets in every pod beside a Service called
// wsticket.
var serviceLink = regexp.MustCompile(`^WSTICKET_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_(TCP|UDP)(_.*)?)?)$`)

// index is the place of an element in a list.
var index = regexp.MustCompile(`\[\d+\]`)

func names[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// nearest returns the known name that is closest to a mistyped one: at most two
// letters away, and less than all of a short name. It is empty if none is.
func nearest(wrong string, known []string) string {
	best, distance := "", min(2, len(wrong)/2)+1
	for _, name := range known {
		if d := edits(wrong, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
