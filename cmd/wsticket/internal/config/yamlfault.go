package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/keyfile"
)

// yamlReasons are the faults that the parser finds in files that people write,
// and what to do about them. Its own text is not shown: for some faults it quotes
// the file, which may hold a secret.
var yamlReasons = []struct{ found, reason string }{
	{"found a tab character", "a tab: indent with spaces"},
	{"found character that cannot start any token", "a value or a line begins with a tab, or with @, ` or %: indent with spaces, and put such a value in quotes"},
	{"mapping values are not allowed in this context", `a colon that is not expected: put a value with ": " in it in quotes, and begin the keys of a section in one column`},
	{"did not find expected ',' or '}'", "a { without its }, or no comma between two entries"},
	{"did not find expected ',' or ']'", "a [ without its ], no comma between two entries, or braces that need quotes around them"},
	{"did not find expected key", "the keys of a section must begin in one column"},
	{"did not find expected '-' indicator", "the entries of a list must begin in one column"},
	{"block sequence entries are not allowed in this context", `a list begins in the line of its key: begin a new line before "- "`},
	{"could not find expected ':'", `a key without ": " behind it`},
	{"found unexpected end of stream", "a quote that is not closed"},
	{"did not find expected alphabetic or numeric character", "a value begins with * or &: put it in quotes"},
	{"unknown anchor", "a value begins with *: put it in quotes"},
	{"found unknown escape character", "a backslash in double quotes: write it twice, or use single quotes"},
	{"did not find expected node content", "a value is missing, or a bracket or comma is too many"},
	{"did not find expected <document start>", "text behind the end of the document"},
	{"control characters are not allowed", "not a text file"},
	{"UTF-8", "not UTF-8"},
}

// reasonOf says why the parser refuses a file, and near which line. The parser
// names none for the first one.
func reasonOf(err error) string {
	_, text, _ := strings.Cut(err.Error(), "yaml: ")
	line := "1"
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		line, text, _ = strings.Cut(rest, ":")
	}
	reason := "it cannot be read"
	for _, known := range yamlReasons {
		if strings.Contains(text, known.found) {
			reason = known.reason
			break
		}
	}
	return fmt.Sprintf("(near line %s: %s)", line, reason)
}

// contentOf says in words what a file holds that is YAML without keys.
func contentOf(root *yaml.Node, file []byte) string {
	if root.Kind == yaml.SequenceNode {
		return "a list"
	}
	if kind := keyfile.Kind(file); !strings.HasPrefix(kind, "text") {
		return kind
	}
	return "plain text"
}
