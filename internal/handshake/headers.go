package handshake

import (
	"slices"
	"strings"
)

// maxList bounds a header that holds a list, in bytes and over all its lines.
const maxList = 4096

// tokenChars are the tchar of RFC 9110 5.6.2.
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// IsToken tells whether s is a token of RFC 9110 5.6.2.
func IsToken(s string) bool {
	return s != "" && strings.Trim(s, tokenChars) == ""
}

// ListOf takes a comma-separated header apart, over all its lines
// (RFC 9110 5.3). Empty elements stay in, for the caller to refuse.
func ListOf(lines []string) []string {
	var elements []string
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			elements = append(elements, strings.Trim(element, " \t"))
		}
	}
	return elements
}

// listTooLong keeps the work on a list small, whatever the server's own bound
// on headers is.
func listTooLong(lines []string) bool {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	return size > maxList
}

// ContainsFold tells whether list holds s, ignoring case.
func ContainsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(element string) bool { return strings.EqualFold(element, s) })
}

// ValidExtensions checks Sec-WebSocket-Extensions against the grammar of
// RFC 6455 9.1, which wants a handshake with a malformed one to fail. Quoted
// values are refused: no registered extension has one, and a comma inside one
// would be read differently by those who split at commas.
func ValidExtensions(lines []string) bool {
	if listTooLong(lines) {
		return false
	}
	for _, extension := range ListOf(lines) {
		name, params, more := strings.Cut(extension, ";")
		if !IsToken(strings.TrimRight(name, " \t")) || more && !validParams(params) {
			return false
		}
	}
	return true
}

func validParams(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, valued := strings.Cut(strings.Trim(param, " \t"), "=")
		if !IsToken(name) || valued && !IsToken(value) {
			return false
		}
	}
	return true
}
