package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"wsticket/api"
)

func TestNewListsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := api.New(api.Options{
		WSPath: "/ws/", TicketParameter: "access_token",
		PublicURL:      mustURL(t, "ftp://x"),
		TrustedProxies: []netip.Prefix{{}}, SessionCookie: "a b",
	})
	const want = `api: issuer: required
api: receipts: required
api: authenticator: required
api: hosts: required
api: sessions: go with the name of a cookie
api: session cookie: must be the name of a cookie (got "a b")
api: ws path: must be plain segments (got "/ws/")
api: ticket parameter: must be a plain lower-case word other than access_token (got "access_token")
api: public url: must be http, https, ws or wss with a host and a path at most (got "ftp://x")
api: trusted proxies: must be prefixes (got invalid Prefix)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule string
		edit func(*api.Options)
		want string
	}{
		{"a path without a slash", func(o *api.Options) { o.WSPath = "ws" }, "ws path"},
		{"the root", func(o *api.Options) { o.WSPath = "/" }, "ws path"},
		{"two slashes", func(o *api.Options) { o.WSPath = "//ws" }, "ws path"},
		{"a pattern", func(o *api.Options) { o.WSPath = "/{x}" }, "ws path"},
		{"a wildcard", func(o *api.Options) { o.WSPath = "/ws/*" }, "ws path"},
		{"dots", func(o *api.Options) { o.WSPath = "/a/../ws" }, "ws path"},
		{"an escape", func(o *api.Options) { o.WSPath = "/%77s" }, "ws path"},
		{"a new line", func(o *api.Options) { o.WSPath = "/ws\n" }, "ws path"},
		{"the path of tickets", func(o *api.Options) { o.WSPath = "/ws-ticket" }, "must not be under"},
		{"a path of receipts", func(o *api.Options) { o.WSPath = "/ws-ticket/x" }, "must not be under"},
		{"a parameter that needs escapes", func(o *api.Options) { o.TicketParameter = "a b" }, "ticket parameter"},
		{"a parameter in capitals", func(o *api.Options) { o.TicketParameter = "Ticket" }, "ticket parameter"},
		{"a URL without a host", func(o *api.Options) { o.PublicURL = &url.URL{Scheme: "https"} }, "public url"},
		{"a URL with a query", func(o *api.Options) { o.PublicURL = mustURL(t, "https://x?a=b") }, "public url"},
		{"a URL with an empty query", func(o *api.Options) { o.PublicURL = mustURL(t, "https://x?") }, "public url"},
		{"a URL with a fragment", func(o *api.Options) { o.PublicURL = mustURL(t, "https://x#a") }, "public url"},
		{"a URL with a user", func(o *api.Options) { o.PublicURL = mustURL(t, "https://u:p@x") }, "public url"},
		{"sessions without a cookie", func(o *api.Options) { o.Sessions = authenticate(bearers) }, "sessions: go with"},
		{"a URL that is only a word", func(o *api.Options) { o.PublicURL = mustURL(t, "x") }, "public url"},
	} {
		o := api.Options{Issuer: domain{}, Receipts: domain{}, Authenticator: authenticate(bearers), Hosts: hosts(t, host)}
		if _, err := api.New(o); err != nil {
			t.Fatalf("before the fault: got %v, want nil", err)
		}
		row.edit(&o)
		server, err := api.New(o)
		if err == nil || server != nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got (%v, %v), want one fault about %q", row.rule, server, err, row.want)
		}
	}
}

// exchange sends bytes to a real server and returns what comes back until it
// closes the connection, or until the answer is complete.
func exchange(t *testing.T, h http.Handler, raw string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	defer server.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
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

// TestOverTheWire: what only a real server sees.
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
	if got := len(h.entries); got != 60 {
		t.Errorf("got %d entries, want 60", got)
	}
}
