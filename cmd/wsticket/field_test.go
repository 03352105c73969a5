package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// fieldCase is something that people really have: a token of their identity
// provider, a header of their proxy. The files of testdata/field hold them.
type fieldCase[Input any] struct {
	// Source says where it comes from.
	Source string `json:"source"`
	Input  Input  `json:"input"`
	// Want is the right outcome: the status, or the reason in the log.
	Want string `json:"want"`
	// Why is one sentence about Want.
	Why string `json:"why"`
}

// fieldCases reads a file of testdata/field.
func fieldCases[Input any](t *testing.T, file string) []fieldCase[Input] {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "field", file))
	if err != nil {
		t.Fatal(err)
	}
	var cases []fieldCase[Input]
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	for _, c := range cases {
		if c.Source == "" || c.Want == "" || c.Why == "" {
			t.Fatalf("%s: a case without source, want or why: %+v", file, c)
		}
	}
	return cases
}
