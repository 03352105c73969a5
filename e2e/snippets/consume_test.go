//go:build e2e

package snippets_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// shown is what a backend presents to wsticket.
type shown struct {
	Ticket  string `json:"ticket"`
	Attempt string `json:"attempt"`
	Origin  string `json:"origin"`
}

type consumeCase struct {
	rule string
	shown
	want string // "alice", "refused", or a part of what is said if nothing is known
}

func (h house) cases(t *testing.T) []consumeCase {
	t.Helper()
	one, bound, foreign, free := h.issue(t, page), h.issue(t, page), h.issue(t, page), h.issue(t, "")
	return []consumeCase{
		{"a ticket", shown{one, "a-1", page}, "alice"},
		{"the same attempt", shown{one, "a-1", page}, "alice"},
		{"another attempt", shown{one, "a-2", page}, "refused"},
		{"an unknown ticket", shown{strange, "a-3", page}, "refused"},
		{"no ticket", shown{"x", "a-4", page}, "refused"},
		{"a page's ticket without its origin", shown{bound, "a-5", ""}, "refused"},
		{"from a foreign page", shown{foreign, "a-6", "https://evil.example"}, "refused"},
		{"a program's ticket", shown{free, "a-7", ""}, "alice"},
		{"an attempt that is none", shown{free, "a b", ""}, "400"},
	}
}

// snippet makes the command of a program that asks the wsticket at an address.
type snippet func(t *testing.T, internal string) *exec.Cmd

// consumers are the programs that call /consume in each language.
var consumers = map[string]snippet{"go": goConsume, "js": nodeConsume, "python": pythonConsume}

// ask runs the program for cases and compares what it says.
func (s snippet) ask(t *testing.T, internal, key string, cases []consumeCase) {
	t.Helper()
	cmd := s(t, strings.TrimPrefix(internal, "http://"))
	cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+key)
	all := make([]shown, len(cases))
	for n, c := range cases {
		all[n] = c.shown
	}
	for n, verdict := range run(t, cmd, all) {
		got := fmt.Sprint(verdict)
		if grant, ok := verdict.(map[string]any); ok && grant["active"] == true && grant["iss"] == "https://id.example.com" {
			got = fmt.Sprint(grant["sub"])
		}
		unknown, isUnknown := strings.CutPrefix(got, "unknown: ")
		if got != cases[n].want && (!isUnknown || !strings.Contains(strings.ToLower(unknown), cases[n].want)) {
			t.Errorf("%s: got %v, want %s", cases[n].rule, verdict, cases[n].want)
		}
	}
}

// TestConsumeSnippets runs the program of each language: it accepts valid tickets, and
// none if wsticket does not know its key, is not running or gives another answer. Then it
// says what the answer was.
func TestConsumeSnippets(t *testing.T) {
	h := newHouse(t)
	for language, program := range consumers {
		t.Run(language, func(t *testing.T) {
			program.ask(t, h.internal, backendKey, h.cases(t))
			lost := func(rule, want string) []consumeCase {
				return []consumeCase{{rule, shown{h.issue(t, page), "a-1", page}, want}}
			}
			program.ask(t, h.internal, strings.Repeat("0", 64), lost("with a wrong key", "401"))
			program.ask(t, "http://"+testenv.FreeAddr(t), backendKey, lost("without a server", "refused"))
			program.ask(t, answering(t, 503, "application/problem+json", `{"code":"unavailable"}`), backendKey, lost("with no store", "503"))
			program.ask(t, answering(t, 200, "text/html", "<html>"), backendKey, lost("with a page of somebody else", "200"))
			program.ask(t, answering(t, 200, "application/json", `{"active":"yes"}`), backendKey, lost("with another JSON", "200"))
		})
	}
}

// answering starts a server that gives one answer to everything.
func answering(t *testing.T, status int, kind, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestKeyIsChecked: a program that cannot work says so when it starts, and one that can
// work later starts.
func TestKeyIsChecked(t *testing.T) {
	h := newHouse(t)
	for language, program := range consumers {
		t.Run(language, func(t *testing.T) {
			for _, row := range []struct {
				rule, internal, key, says string
				starts                    bool
			}{
				{"a good key", h.internal, backendKey, "", true},
				{"with a line feed", h.internal, backendKey + "\n", "", true},
				{"no key", h.internal, "", "WSTICKET_KEY", false},
				{"a wrong key", h.internal, strings.Repeat("0", 64), "401", false},
				{"a key for something else", answering(t, 403, "application/problem+json", `{"code":"insufficient_scope"}`), backendKey, "403", false},
				{"no server", "http://" + testenv.FreeAddr(t), backendKey, "no answer", true},
			} {
				cmd := program(t, strings.TrimPrefix(row.internal, "http://"))
				cmd.Args = append(cmd.Args, "check")
				cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+row.key)
				code, said := ended(t, cmd)
				if (code == 0) != row.starts || !strings.Contains(said, row.says) || (row.says == "") != (said == "") {
					t.Errorf("%s: ended with %d and said %q, want it to start: %t, and to say %q", row.rule, code, said, row.starts, row.says)
				}
				if strings.Contains(said, backendKey) {
					t.Errorf("%s: it printed the key: %s", row.rule, said)
				}
			}
		})
	}
}

// ended runs a command and returns its exit status and what it printed on standard error.
func ended(t *testing.T, cmd *exec.Cmd) (code int, said string) {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), errs.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, errs.String()
}

// consumeBlock returns a block of the document with the address of the test's wsticket.
func consumeBlock(t *testing.T, language, internal string) string {
	t.Helper()
	text := strings.ReplaceAll(block(t, "backends.md", language), "127.0.0.1:8081", internal)
	host, port, err := net.SplitHostPort(internal)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, `"127.0.0.1", 8081`, fmt.Sprintf("%q, %s", host, port))
}

func goConsume(t *testing.T, internal string) *exec.Cmd {
	dir := t.TempDir()
	main := writeFile(t, dir, "main.go", read(t, "testdata/consume.go"))
	return goBuild(t, main, writeFile(t, dir, "snippet.go", consumeBlock(t, "go consume", internal)))
}

// goBuild builds a program, because go run has exit statuses of its own. It builds the
// same files once.
func goBuild(t *testing.T, files ...string) *exec.Cmd {
	t.Helper()
	digest := sha256.New()
	for _, file := range files {
		_, _ = digest.Write([]byte(read(t, file)))
	}
	program := filepath.Join(scratch, hex.EncodeToString(digest.Sum(nil)))
	if _, err := os.Stat(program); err != nil {
		build := append([]string{"build", "-trimpath", "-o", program}, files...)
		if out, err := exec.CommandContext(t.Context(), "go", build...).CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return exec.CommandContext(t.Context(), program)
}

func nodeConsume(t *testing.T, internal string) *exec.Cmd {
	dir, node := t.TempDir(), testenv.Need(t, "node")
	writeFile(t, dir, "snippet.mjs", consumeBlock(t, "js consume", internal))
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "main.mjs", read(t, "testdata/consume.mjs")))
}

func pythonConsume(t *testing.T, internal string) *exec.Cmd {
	dir, python := t.TempDir(), testenv.Need(t, "python3")
	writeFile(t, dir, "snippet.py", consumeBlock(t, "python consume", internal))
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "main.py", read(t, "testdata/consume.py")))
}

// TestCurlSnippet pastes the lines into a terminal.
func TestCurlSnippet(t *testing.T) {
	testenv.Need(t, "curl")
	h, user := newHouse(t), newHome(t)
	if err := os.Mkdir(filepath.Join(user.dir, "chat"), 0o700); err != nil {
		t.Fatal(err)
	}
	spent := h.issue(t, page)
	for _, row := range []struct{ rule, internal, key, ticket, want string }{
		{"a ticket", h.internal, backendKey, spent, `"sub":"alice"`},
		{"the same again", h.internal, backendKey, spent, `{"active":false}`},
		{"a wrong key", h.internal, strings.Repeat("0", 64), spent, "status 401"},
		{"no server", "http://" + testenv.FreeAddr(t), backendKey, spent, "status 000"},
	} {
		writeFile(t, filepath.Join(user.dir, "chat"), "chat.key", row.key+"\n")
		cmd := user.shell(t.Context(), consumeBlock(t, "bash consume", strings.TrimPrefix(row.internal, "http://")))
		cmd.Env = append(cmd.Env, "TICKET="+row.ticket)
		if out, _ := cmd.Output(); !strings.Contains(string(out), row.want) {
			t.Errorf("%s: got %s, want %s", row.rule, out, row.want)
		}
	}
}
