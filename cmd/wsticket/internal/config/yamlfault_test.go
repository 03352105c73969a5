package config

import (
	"strings"
	"testing"
)

// TestYAMLReasons: each slip has a line and what to do, and nothing of the file.
func TestYAMLReasons(t *testing.T) {
	for _, row := range []struct{ rule, text, want string }{
		{"a tab", "door:\n\topen: true", "line 2: a value or a line begins with a tab"},
		{"a sign that begins no value", "door:\n  open: @x", "line 2: a value or a line begins"},
		{"a value with a colon", "level: a: hunter2", "line 1: a colon"},
		{"an open brace", "door: {open: true\nrooms: 1\n", "a { without its }"},
		{"an open bracket", "names: [hunter2\nrooms: 1\n", "a [ without its ]"},
		{"a template in brackets", "names: [/ws/{hunter2}/, /news]", "braces that need quotes"},
		{"an open quote", "level: \"hunter2\n", "a quote that is not closed"},
		{"a star", "names: [*]", "line 1: a value begins with *"},
		{"another star", "names: [*hunter2]", "a value begins with *"},
		{"a column too few", "door:\n  open: true\n wait: 1s\n", "must begin in one column"},
		{"a list behind its key", "names: - hunter2", "a list begins in the line of its key"},
		{"a key without a colon", "rooms: 1\nhunter2\n", "a key without"},
		{"a backslash", `level: "\hunter2"`, "a backslash"},
		{"a control character", "level: \x01hunter2", "not a text file"},
		{"another encoding", "level: \xff\xfe\xff", "not UTF-8"},
	} {
		h := defaults()
		err := load(&h, layers{fileName: "f", file: []byte(row.text)})
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q", row.rule, err, row.want)
		}
	}
}
