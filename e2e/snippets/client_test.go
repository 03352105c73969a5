//go:build e2e

package snippets_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// clientPackage is the folder of the TypeScript client.
const clientPackage = "../../client"

// TestClientPage runs the code of README.md and docs/client.md in a page: with a socket it comes back while
// that can help, and says why it stops; with a source alone it connects once.
func TestClientPage(t *testing.T) {
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	h := newHouse(t, "--set", "public.url="+address, "--set", "origins="+address)
	behind, err := url.Parse(h.public)
	if err != nil {
		t.Fatal(err)
	}
	cases := []pageCase{
		{
			"wsticket is away, a handshake fails, a connection is lost, then the session is revoked", h.bearer,
			[]http.HandlerFunc{unavailable},
			[]http.HandlerFunc{unavailable, closing(1011, ""), closing(4003, "wsticket: revoked")},
			4, 0, "over: revoked",
		},
		{"a wrong JWT, and a wrong fresh one", h.bearer[:len(h.bearer)-8], nil, nil, 2, 0, "over: invalid_token"},
		{"all is well", h.bearer, nil, nil, 1, 1, "open"},
		{"a source alone", h.bearer, nil, nil, 1, 1, ""},
	}
	f := newFlaky(behind, cases)
	front.Config.Handler = f
	front.Start()
	t.Cleanup(front.Close)

	code := func(document, language string) string {
		return strings.ReplaceAll(block(t, document, language), "https://api.example.com", address)
	}
	if code(readme, "ts page") != code("client.md", "ts page") {
		t.Error("the first code of README.md and of docs/client.md differs")
	}
	socket := bundle(t, code(readme, "ts page"))
	source := bundle(t, code("client.md", "ts source")+"open().then((socket) => { socket.onmessage = ({ data }) => console.log(data); });\n")
	visits := make([]map[string]string, len(cases))
	for n, c := range cases {
		visits[n] = map[string]string{"jwt": c.jwt, "code": socket}
	}
	visits[len(cases)-1]["code"] = source
	said := browse(t, "client.mjs", map[string]any{"url": address + "/", "visits": visits})
	var got []struct {
		Greetings int
		Ends      string
	}
	if err := json.Unmarshal([]byte(said), &got); err != nil || len(got) != len(cases) {
		t.Fatalf("got %s (%v), want an end for each case", said, err)
	}
	for n, c := range cases {
		if got[n].Greetings != c.greetings || got[n].Ends != c.ends || f.asked[n] != c.asked {
			t.Errorf("%s: %+v after %d requests for a ticket, want %d greetings, the end %q and %d requests",
				c.rule, got[n], f.asked[n], c.greetings, c.ends, c.asked)
		}
		if used := slices.Compact(slices.Sorted(slices.Values(f.seen[n]))); len(used) != len(f.seen[n]) {
			t.Errorf("%s: a ticket was used twice: %q", c.rule, f.seen[n])
		}
	}
}

// bundle makes one script of code that imports the client and ./auth, as a bundler does
// for a page. The token is window.jwt.
func bundle(t *testing.T, code string) string {
	t.Helper()
	testenv.NeedNode(t, clientPackage)
	sources, err := filepath.Abs(filepath.Join(clientPackage, "src", "index.ts"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, dir, "auth.ts", "export const getToken = async () => (globalThis as any).jwt;\n")
	page := writeFile(t, dir, "page.ts", code)
	cmd := exec.CommandContext(t.Context(), filepath.Join(clientPackage, "node_modules", ".bin", "esbuild"),
		page, "--bundle", "--alias:@wsticket/client="+sources)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("esbuild: %v", err)
	}
	return string(out)
}
