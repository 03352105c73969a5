//go:build e2e

package snippets_test

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// TestLibraryProgram runs the program of docs/library.md, which is a whole service.
func TestLibraryProgram(t *testing.T) {
	dir, listen, key := t.TempDir(), testenv.FreeAddr(t), newP256(t)
	private := writeFile(t, dir, "issuer.pem", privatePEM(t, key))
	writeFile(t, dir, "issuer.pub.pem", publicPEM(t, key))
	text := strings.ReplaceAll(block(t, "library.md", "go library"), "127.0.0.1:9000", listen)
	program := filepath.Join(dir, "chat")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, writeFile(t, dir, "main.go", text)).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	background(t, cmd)
	awaitListener(t, listen)

	out, err := exec.CommandContext(t.Context(), buildServer(t), "token", "--sub", "alice", "--key", private,
		"--issuer", "https://id.example.com", "--audience", "ws").Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	h := house{addresses: addresses{public: "http://" + listen}, bearer: strings.TrimSpace(string(out))}
	token := h.issue(t, page)
	for _, row := range []struct{ rule, ticket, origin, want string }{
		{"a ticket", token, page, "hello alice"},
		{"the same again", token, page, "401"},
		{"an unknown ticket", strange, page, "401"},
		{"a page's ticket from another", h.issue(t, page), "https://evil.example", "403"},
	} {
		if got := greeted(t, listen, row.ticket, row.origin); got != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
		}
	}
	if got := answered(t, "http://"+listen+"//ws?ticket="+strange); got != "404 " {
		t.Errorf("//ws: got %q, want 404 and no Location", got)
	}
}

// answered returns the status of a GET and its Location.
func answered(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location"))
}
