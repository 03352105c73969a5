//go:build e2e

package snippets_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/internal/webhook"
)

// hookCase is a request of the webhook as a receiver has it.
type hookCase struct {
	Secret string `json:"secret"`
	Header string `json:"header"`
	Body   string `json:"body"`
}

// TestWebhookSnippets runs the function of each language in docs/webhook.md.
func TestWebhookSnippets(t *testing.T) {
	const secret, body = "0123456789abcdef0123456789abcdef", `{"id":"A","events":[{"sub":"café"}]}`
	sign := func(ago time.Duration) string {
		return webhook.Sign([]byte(secret), time.Now().Add(-ago), []byte(body))
	}
	good := sign(0)
	rows := []struct {
		rule string
		hookCase
		want bool
	}{
		{"a request", hookCase{secret, good, body}, true},
		{"a slow one", hookCase{secret, sign(time.Minute), body}, true},
		{"an old one", hookCase{secret, sign(time.Hour), body}, false},
		{"one of the future", hookCase{secret, sign(-time.Hour), body}, false},
		{"another body", hookCase{secret, good, body + " "}, false},
		{"another secret", hookCase{"another", good, body}, false},
		{"another time", hookCase{secret, "t=" + flipped(good[2:12]) + good[12:], body}, false},
		{"a short signature", hookCase{secret, good[:len(good)-2], body}, false},
		{"no signature", hookCase{secret, good[:len(good)-68], body}, false},
		{"an empty header", hookCase{secret, "", body}, false},
		{"some other header", hookCase{secret, "sha256=abc", body}, false},
	}
	cases := make([]hookCase, len(rows))
	for n, row := range rows {
		cases[n] = row.hookCase
	}
	for language, command := range map[string]func(testing.TB) *exec.Cmd{"go": goWebhook, "js": nodeWebhook, "python": pythonWebhook} {
		t.Run(language, func(t *testing.T) {
			for n, verdict := range run(t, command(t), cases) {
				if verdict != rows[n].want {
					t.Errorf("%s: got %v, want %t", rows[n].rule, verdict, rows[n].want)
				}
			}
		})
	}
}

// flipped changes the last digit of a number by one.
func flipped(digits string) string {
	last := len(digits) - 1
	return digits[:last] + string(digits[last]^1)
}

func goWebhook(t testing.TB) *exec.Cmd {
	dir := t.TempDir()
	writeFile(t, dir, "go.mod", "module snippet\n")
	writeFile(t, dir, "main.go", read(t, "testdata/webhook.go"))
	writeFile(t, dir, "snippet.go", strings.Replace(block(t, "webhook.md", "go"), "package webhook", "package main", 1))
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = dir
	return cmd
}

func nodeWebhook(t testing.TB) *exec.Cmd {
	dir, node := t.TempDir(), testenv.Need(t, "node")
	writeFile(t, dir, "snippet.mjs", block(t, "webhook.md", "js"))
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "main.mjs", read(t, "testdata/webhook.mjs")))
}

func pythonWebhook(t testing.TB) *exec.Cmd {
	dir, python := t.TempDir(), testenv.Need(t, "python3")
	writeFile(t, dir, "snippet.py", block(t, "webhook.md", "python"))
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "main.py", read(t, "testdata/webhook.py")))
}
