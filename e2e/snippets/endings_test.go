//go:build e2e

package snippets_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// followers are the programs that follow /endings in each language.
var followers = map[string]snippet{"js": nodeEndings, "python": pythonEndings}

func nodeEndings(t *testing.T, internal string) *exec.Cmd {
	dir, node := t.TempDir(), testenv.Need(t, "node")
	writeFile(t, dir, "snippet.mjs", consumeBlock(t, "js endings", internal))
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "main.mjs", read(t, "testdata/endings.mjs")))
}

func pythonEndings(t *testing.T, internal string) *exec.Cmd {
	dir, python := t.TempDir(), testenv.Need(t, "python3")
	writeFile(t, dir, "snippet.py", consumeBlock(t, "python endings", internal))
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "main.py", read(t, "testdata/endings.py")))
}

// follow runs the program until the test ends, and returns what it prints.
func (s snippet) follow(t *testing.T, internal string) *test.Output {
	t.Helper()
	cmd, out := s(t, strings.TrimPrefix(internal, "http://")), new(test.Output)
	cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+backendKey)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return out
}

// TestEndingsSnippets: the program of each language hears that what its key has consumed
// was revoked.
func TestEndingsSnippets(t *testing.T) {
	for language, program := range followers {
		t.Run(language, func(t *testing.T) {
			h := newHouse(t)
			out := program.follow(t, h.internal)
			out.WaitFor(t, "open")
			var grant struct {
				Active bool
				ID     string `json:"ticket_id"`
			}
			h.call(t, "/consume", shown{h.issue(t, page), "a-1", page}, http.StatusOK, &grant)
			if !grant.Active || grant.ID == "" {
				t.Fatalf("got the grant %+v, want one with an ID", grant)
			}
			h.call(t, "/revocations", map[string]string{"sub": "alice", "action": "end"}, http.StatusAccepted, nil)
			out.WaitFor(t, "ended "+grant.ID+" 4003 wsticket: revoked")
		})
	}
}

// call posts JSON to the internal listener with the backend's key.
func (h house) call(t *testing.T, path string, question any, status int, answer any) {
	t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.internal+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+backendKey)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != status {
		t.Fatalf("%s: got %d, want %d", path, res.StatusCode, status)
	}
	if answer != nil {
		if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// TestEndingsReconnect: the program comes back with the cursor of the last event that was
// complete, without one after 410, and ends when its key is refused.
func TestEndingsReconnect(t *testing.T) {
	const event = "event: ended\ndata: {\"ticket_id\":\"%s\",\"code\":4003,\"reason\":\"r\"}\nid: %s\n\n"
	answers := []struct {
		status int
		body   string
	}{
		{200, ": alive\nid: c-1\n\n" + fmt.Sprintf(event, "one", "c-2") + "event: later\ndata: ?\n\nevent: ended\ndata: ?\n\n"},
		{200, "event: ended\ndata: {\"ticket_id\":\"cut\",\"code\":4003,\"reason\":\"r\"}\nid: c-3\n"},
		{503, ""},
		{410, ""},
		{200, "event: renewed\r\ndata: {\"ticket_id\":\"two\",\r\ndata: \"connection_expires_at\":\"then\"}\r\nid:c-4\r\n\r\n"},
		{401, ""},
	}
	for language, program := range followers {
		t.Run(language, func(t *testing.T) {
			cursors := make(chan string, len(answers)+1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.String() != "/endings" || r.Header.Get("Authorization") != "Bearer "+backendKey {
					t.Errorf("got a request for %s with %q", r.URL, r.Header.Get("Authorization"))
				}
				answer := answers[min(len(cursors), len(answers)-1)]
				cursors <- r.Header.Get("Last-Event-ID")
				w.WriteHeader(answer.status)
				_, _ = w.Write([]byte(answer.body))
			}))
			t.Cleanup(server.Close)
			cmd := program(t, strings.TrimPrefix(server.URL, "http://"))
			cmd.Env = append(cmd.Environ(), "WSTICKET_KEY="+backendKey)
			var out test.Output
			cmd.Stdout = &out
			if code, said := ended(t, cmd); code != 1 || !strings.Contains(said, "WSTICKET_KEY is not accepted") || !strings.Contains(said, "503") {
				t.Errorf("ended with %d and said %s, want 1 and why", code, said)
			}
			if want := "open\nended one 4003 r\nopen\nopen\nrenewed two then\n"; out.String() != want {
				t.Errorf("it heard %q, want %q", out.String(), want)
			}
			close(cursors)
			var got []string
			for cursor := range cursors {
				got = append(got, cursor)
			}
			if want := []string{"", "c-2", "c-2", "c-2", "", "c-4"}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("it came with the cursors %q, want %q", got, want)
			}
		})
	}
}

// TestEndingsSketch compiles the lines in Go.
func TestEndingsSketch(t *testing.T) {
	main := strings.Replace(read(t, "testdata/endings.go"), "\t// the lines of the document\n", block(t, "backends.md", "go endings"), 1)
	goBuild(t, writeFile(t, t.TempDir(), "main.go", main))
}
