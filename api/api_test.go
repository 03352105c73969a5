package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/ticket"
)

// TestFaults: New reports each fault by its field.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule   string
		edit   func(*api.Options)
		fields []string // that are named, with a fault each
	}{
		{"nothing at all", func(o *api.Options) { *o = api.Options{} }, []string{"Gate", "Issuer", "Receipts", "Introspector"}},
		{"a gate without hosts", func(o *api.Options) { o.Gate = mustGate(t, gate.Options{AllowMissingOrigin: true}) }, []string{"Gate"}},
		{"a path without a slash", paths("ws"), []string{"WSPaths"}},
		{"the root", paths("/"), []string{"WSPaths"}},
		{"two slashes", paths("//ws"), []string{"WSPaths"}},
		{"two slashes at the end", paths("/ws//"), []string{"WSPaths"}},
		{"a template that would match every path", paths("/{x}"), []string{"WSPaths"}},
		{"a part of a segment", paths("/ws/room-{x}"), []string{"WSPaths"}},
		{"a template without a name", paths("/ws/{}"), []string{"WSPaths"}},
		{"a pattern", paths("/ws/{x:.*}"), []string{"WSPaths"}},
		{"a wildcard", paths("/ws/*"), []string{"WSPaths"}},
		{"the same name twice", paths("/ws/{x}/{x}"), []string{"WSPaths"}},
		{"dots", paths("/a/../ws"), []string{"WSPaths"}},
		{"an escape", paths("/%77s"), []string{"WSPaths"}},
		{"a new line", paths("/ws\n"), []string{"WSPaths"}},
		{"the path of tickets", paths("/ws-ticket"), []string{"WSPaths"}},
		{"a path of receipts", paths("/ws-ticket/{x}"), []string{"WSPaths"}},
		{"a path that the service will need", paths("/backchannel-logout/"), []string{"WSPaths"}},
		{"another one", paths("/connections/{id}/renew"), []string{"WSPaths"}},
		{"the same path twice", paths("/ws", "/ws/"), []string{"WSPaths"}},
		{"the same requests", paths("/ws/{room}", "/ws/{name}/"), []string{"WSPaths"}},
		{"several of them", paths("/ws", "ws", "/*"), []string{"WSPaths", "WSPaths"}},
		{"another scheme", func(o *api.Options) { o.PublicURL = "ftp://x" }, []string{"PublicURL"}},
		{"a URL without a host", func(o *api.Options) { o.PublicURL = "https:" }, []string{"PublicURL"}},
		{"a URL without a name", func(o *api.Options) { o.PublicURL = "https://:80" }, []string{"PublicURL"}},
		{"a URL with a query", func(o *api.Options) { o.PublicURL = "https://x?a=b" }, []string{"PublicURL"}},
		{"a URL with an empty query", func(o *api.Options) { o.PublicURL = "https://x?" }, []string{"PublicURL"}},
		{"a URL with a fragment", func(o *api.Options) { o.PublicURL = "https://x#a" }, []string{"PublicURL"}},
		{"a URL with a user", func(o *api.Options) { o.PublicURL = "https://u:SECRET@x" }, []string{"PublicURL"}},
		{"a URL that is only a word", func(o *api.Options) { o.PublicURL = "x" }, []string{"PublicURL"}},
		{"what is no URL", func(o *api.Options) { o.PublicURL = "https://u:SECRET@x\n" }, []string{"PublicURL"}},
	} {
		o := new(house).build(t, nil)
		row.edit(&o)
		server, err := api.New(o)
		got, plain := faults(t, err)
		if server != nil || !slices.Equal(got, row.fields) || strings.Contains(plain, "SECRET") {
			t.Errorf("%s: got faults of %q (%v), want of %q", row.rule, got, err, row.fields)
		}
		if handler, err := api.NewTicketHandler(o.TicketOptions); handler == nil {
			if got, _ := faults(t, err); !slices.Equal(got, slices.DeleteFunc(row.fields, func(f string) bool { return f == "Introspector" })) {
				t.Errorf("%s: NewTicketHandler: got faults of %q, want of %q", row.rule, got, row.fields)
			}
		}
	}
}

// paths sets the paths of the WebSocket.
func paths(list ...string) func(*api.Options) {
	return func(o *api.Options) { o.WSPaths = list }
}

func mustGate(t *testing.T, o gate.Options) *gate.Gate {
	t.Helper()
	o.Redeemer = failing{}
	g, err := gate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// faults returns the fields in err, and its text.
func faults(t *testing.T, err error) (fields []string, text string) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined faults", err)
	}
	for _, part := range joined.Unwrap() {
		fault, ok := errors.AsType[*ticket.OptionError](part)
		if !ok || fault.Package != "api" {
			t.Fatalf("got %v, want a fault of package api", part)
		}
		fields = append(fields, fault.Field)
	}
	return fields, err.Error()
}

// exchange sends bytes to a real server, and returns the status and body of the
// answer, for which the server must not wait for more bytes.
func exchange(t *testing.T, h http.Handler, raw string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// TestOverTheWire: requests that only a real server can receive.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	const auth = "Host: api.example.com\r\nAuthorization: Bearer good\r\n"
	const notFound, wrongHost = `404 {"type":"about:blank"`, `421 {"type":"about:blank"`
	for _, row := range []struct{ rule, raw, want string }{
		{"a ticket", "POST /ws-ticket HTTP/1.1\r\n" + auth + "\r\n", `201 {"ticket":"wst1_`},
		{"HTTP/1.0 with a host", "POST /ws-ticket HTTP/1.0\r\n" + auth + "\r\n", `201 {"ticket":"wst1_`},
		{"H8 no host", "POST /ws-ticket HTTP/1.0\r\nAuthorization: Bearer good\r\n\r\n", wrongHost},
		{"H8 two hosts", "POST /ws-ticket HTTP/1.1\r\nHost: api.example.com\r\nHost: evil.com\r\n\r\n", "400 "},
		{"H9 the whole URL with another host", "POST http://evil.com/ws-ticket HTTP/1.1\r\n" + auth + "\r\n", wrongHost},
		{"H9 the whole URL with the host", "POST http://api.example.com/ws-ticket HTTP/1.1\r\nHost: evil.com\r\nAuthorization: Bearer good\r\n\r\n", `201 {"ticket":"wst1_`},
		{"H10 two slashes", "GET //ws HTTP/1.1\r\n" + auth + "\r\n", notFound},
		{"H10 a path that climbs", "GET /ws/../ws HTTP/1.1\r\n" + auth + "\r\n", notFound},
		{"H10 an escaped path", "GET /%77s HTTP/1.1\r\n" + auth + "\r\n", notFound},
		{"the asterisk of OPTIONS", "OPTIONS * HTTP/1.1\r\n" + auth + "\r\n", notFound},
		{"P3 two Authorization", "POST /ws-ticket HTTP/1.1\r\n" + auth + "authorization: Bearer good\r\n\r\n", `400 {"type":"about:blank"`},
		{"a blank around a bearer is no part of it", "POST /ws-ticket HTTP/1.1\r\nHost: api.example.com\r\nAuthorization:   Bearer good  \r\n\r\n", `201 {"ticket":"wst1_`},
		{"a chunked body that is empty", "POST /ws-ticket HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `201 {"ticket":"wst1_`},
		{"a chunked body", "POST /ws-ticket HTTP/1.1\r\n" + auth + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", `201 {"ticket":"wst1_`},
		{"a broken chunk", "POST /ws-ticket HTTP/1.1\r\n" + auth + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", `400 {"type":"about:blank"`},
		{"V2 chunks without end", "POST /ws-ticket HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("a", 0x400)+"\r\n", 5), `413 {"type":"about:blank"`},
		{"a length beyond the bound, and no body", "POST /ws-ticket HTTP/1.1\r\n" + auth + "Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n", `413 {"type":"about:blank"`},
	} {
		if got := exchange(t, newHouse(t, nil).Public(), row.raw); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: got %s, want %s…", row.rule, got, row.want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var wg sync.WaitGroup
	for _, path := range []string{"/ws-ticket/" + unknownID, "/unknown", "/ws-ticket"} {
		for range 20 {
			wg.Go(func() {
				r := newRequest(t, http.MethodGet, path, "", "Authorization", good)
				h.Public().ServeHTTP(httptest.NewRecorder(), r)
			})
		}
	}
	wg.Wait()
	if got := len(h.events.All()); got != 60 {
		t.Errorf("got %d entries, want 60", got)
	}
}
