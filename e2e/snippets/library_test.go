//go:build e2e

package snippets_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// libraryProgram is the program of docs/library.md, which is a whole service, made and
// started by the commands of the page.
type libraryProgram struct {
	home
	addr, bearer string
	log          *test.Output
}

func newLibraryProgram(t *testing.T) libraryProgram {
	t.Helper()
	p := libraryProgram{home: newHome(t), addr: testenv.FreeAddr(t)}
	p.clone(t)
	dir := filepath.Join(p.dir, "chat")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "main.go", p.block(t, "go library"))
	writeFile(t, dir, "page.html", p.block(t, "html page"))
	p.paste(t, p.block(t, "sh step"))
	p.paste(t, "cd ~/chat\ngo build -o /dev/null .") // however long it takes, unlike the start
	p.log = p.pasteAndLeave(t, p.block(t, "sh server"))
	awaitListener(t, p.addr)
	p.bearer = p.paste(t, p.block(t, "sh jwt"))
	return p
}

// block returns a block of the page with a port that is free.
func (p libraryProgram) block(t *testing.T, language string) string {
	t.Helper()
	return strings.ReplaceAll(block(t, "library.md", language), "9000", port(t, p.addr))
}

func TestLibraryProgram(t *testing.T) {
	p := newLibraryProgram(t)
	t.Run("handshakes", p.handshakes)
	t.Run("page", p.page)
	if strings.Contains(p.log.String(), p.bearer) {
		t.Error("the log has the JWT")
	}
}

// handshakes presents tickets, good ones and others, and reads the log for each.
func (p libraryProgram) handshakes(t *testing.T) {
	h := house{addresses: addresses{public: "http://" + p.addr}, bearer: p.bearer}
	token := h.issue(t, page)
	for _, row := range []struct{ rule, ticket, host, origin, want, reason string }{
		{"a ticket", token, "chat.example.com", page, greeting, "outcome=connected"},
		{"the same again", token, "chat.example.com", page, "401", "reason=spent"},
		{"an unknown ticket", strange, "chat.example.com", page, "401", "reason=not_found"},
		{"a page's ticket from another", h.issue(t, page), "chat.example.com", "https://evil.example", "403", "reason=origin_not_allowed"},
		{"a program", h.issue(t, ""), "localhost:" + port(t, p.addr), "", greeting, "outcome=connected"},
		{"the page of the program", h.issue(t, "http://"+p.addr), p.addr, "http://" + p.addr, greeting, "outcome=connected"},
		{"a name that is not its own", h.issue(t, ""), "evil.example", "", "421", "reason=host_not_allowed"},
	} {
		if got := greeted(t, p.addr, row.host, row.ticket, row.origin); got != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
		}
		p.log.WaitFor(t, "msg=request", "path=/ws ", row.reason)
	}
	if got := answered(t, "http://"+p.addr+"//ws?ticket="+strange); got != "404 " {
		t.Errorf("//ws: got %q, want 404 and no Location", got)
	}
	p.pasteAndLeave(t, p.block(t, "sh curl")).WaitFor(t, greeting)
	if strings.Contains(p.log.String(), token) {
		t.Error("the log has a ticket")
	}
}

// page uses the page as a user does, in Chromium.
func (p libraryProgram) page(t *testing.T) {
	said := browse(t, "library.mjs", map[string]any{
		"url": "http://" + p.addr + "/", "jwt": p.bearer, "wrong": p.bearer[:len(p.bearer)-8],
	})
	want := `received: {"type":"hello","userId":"alice"}
received: {"type":"ping"}
no ticket: 401 invalid_token`
	if strings.TrimSpace(said) != want {
		t.Errorf("the page shows\n%s\nwant\n%s", said, want)
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
