// Package header reads HTTP header fields: tokens, lists and cookies
// (RFC 9110 5, RFC 6265).
package header

import (
	"slices"
	"strings"
)

// tokenChars are the tchar of RFC 9110 5.6.2.
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// IsToken reports whether s is a token (RFC 9110 5.6.2).
func IsToken(s string) bool {
	return s != "" && strings.Trim(s, tokenChars) == ""
}

// List splits a comma-separated header, over all its lines (RFC 9110 5.3).
// Empty elements mean nothing and are left out (RFC 9110 5.6.1.2): a proxy that
// removes an element leaves them behind. No list that is read here may have a
// comma in quotes.
func List(lines []string) []string {
	var elements []string
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				elements = append(elements, element)
			}
		}
	}
	return elements
}

// WithoutEmpty returns the lines of a list that have an element. Some parsers
// refuse a line without one (RFC 9110 5.6.1.1).
func WithoutEmpty(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.Trim(line, ", \t") == "" })
}

// EqualFold reports whether element equals s, which is ASCII, ignoring the case of
// ASCII letters. To strings.EqualFold the Kelvin sign is a k, to proxies it is not.
func EqualFold(element, s string) bool {
	return len(element) == len(s) && strings.EqualFold(element, s)
}

// ContainsFold reports whether list holds s, as by [EqualFold].
func ContainsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(element string) bool { return EqualFold(element, s) })
}

// Set sets all values of a header, which is removed if there are none.
func Set(h map[string][]string, name string, values []string) {
	if len(values) == 0 {
		delete(h, name)
		return
	}
	h[name] = values
}
