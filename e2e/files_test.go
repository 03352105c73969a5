//go:build e2e

package e2e_test

import (
	"os"
	"strings"
	"testing"
)

// docBlock returns the fenced block of a page in docs with this name.
func docBlock(t *testing.T, page, name string) string {
	t.Helper()
	_, code, found := strings.Cut(readFile(t, "../docs/"+page), "\n```"+name+"\n")
	code, _, ends := strings.Cut(code, "\n```\n")
	if !found || !ends {
		t.Fatalf("docs/%s has no block %s", page, name)
	}
	return code + "\n"
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
