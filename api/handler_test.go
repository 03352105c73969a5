package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// embedded returns a Go program's mux with a ticket handler, of which it sets only
// what is required.
func embedded(t *testing.T, events ticket.Sink, edit func(*gate.Options)) http.Handler {
	t.Helper()
	service := newService(t, ticket.Options{Events: events})
	o := gate.Options{
		Redeemer: service, Origins: []string{page}, Events: events,
		Authenticator: authenticate(func(text string) (ticket.Identity, error) {
			if text == "good" {
				return test.Alice(), nil
			}
			return ticket.Identity{}, ticket.ErrInvalidBearer
		}),
	}
	if edit != nil {
		edit(&o)
	}
	g, err := gate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.NewTicketHandler(api.TicketOptions{Gate: g, Issuer: service, Receipts: service, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws-ticket", h)
	mux.Handle("/ws-ticket/", h)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return mux
}

func TestTicketHandler(t *testing.T) {
	t.Parallel()
	var events test.Events
	server := httptest.NewServer(embedded(t, events.Record, func(o *gate.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}))
	defer server.Close()
	ask := func(method, path, body string, header ...string) (status int, location, answer string) {
		t.Helper()
		r := newRequest(t, method, server.URL+path, body, header...)
		r.RequestURI, r.Host = "", ""
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Location"), string(text)
	}
	status, location, body := ask(http.MethodPost, "/ws-ticket", `{"ttl":20}`, "Authorization", good, "Content-Type", asJSON, "Origin", page, "X-Request-Id", "r-1")
	var made issued
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != 201 || made.ExpiresIn != 20 {
		t.Fatalf("got %d %s, want a ticket of 20 s", status, body)
	}
	if want := strings.Replace(server.URL, "http:", "ws:", 1) + "/ws?ticket=" + made.Ticket; made.URL != want {
		t.Errorf("got %s, want %s", made.URL, want)
	}
	if e, ok := events.Find(test.Kind(ticket.EventIssue)); !ok || e.Request.ID != "r-1" || !e.Request.ClientIP.IsLoopback() || e.Presentation.Origin != page {
		t.Errorf("got event %+v, want that of the request", e)
	}
	e := events.Await(t, "the request", test.Kind(ticket.EventRequest))
	if string(e.TicketID) != made.ID || e.Outcome != "issued" || e.HTTP.Status != 201 {
		t.Errorf("got event %+v, want issued", e)
	}
	for _, row := range []struct{ method, path, want string }{
		{http.MethodGet, location, `200 {"ticket_id":"` + made.ID + `","state":"pending",`},
		{http.MethodDelete, location, "204 "},
		{http.MethodGet, location, `200 {"ticket_id":"` + made.ID + `","state":"revoked",`},
		{http.MethodPut, "/ws-ticket", "405 "},
		{http.MethodGet, "/ws-ticket/", "404 "},
		{http.MethodGet, "/ws", "418 "}, // the program's own
		{http.MethodPost, "/consume", "418 "},
	} {
		status, _, body := ask(row.method, row.path, "", "Authorization", good)
		if got := fmt.Sprint(status, " ", body); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s %s: got %s, want %s…", row.method, row.path, got, row.want)
		}
	}
}

// TestTicketHandlerAnswersAsTheService: its answers are the same bytes.
func TestTicketHandlerAnswersAsTheService(t *testing.T) {
	t.Parallel()
	o := new(house).build(t, func(o *parts) { o.Issuer, o.Receipts = always(t), failing{ticket.ErrNotFound} })
	server, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.NewTicketHandler(o.TicketOptions)
	if err != nil {
		t.Fatal(err)
	}
	large := `{"scope":"` + strings.Repeat("a", 5000) + `"}`
	for _, row := range []struct {
		rule, method, path, body string
		header                   []string
		status                   int
	}{
		{"a ticket", "POST", "/ws-ticket", "", nil, 201},
		{"a ticket for a page", "POST", "/ws-ticket", `{"ttl":5}`, []string{"Origin", page}, 201},
		{"a foreign page", "POST", "/ws-ticket", "", []string{"Origin", "https://evil.example"}, 403},
		{"a preflight", "OPTIONS", "/ws-ticket", "", []string{"Origin", page}, 204},
		{"a preflight for a receipt", "OPTIONS", "/ws-ticket/" + unknownID, "", []string{"Origin", page}, 204},
		{"a foreign preflight", "OPTIONS", "/ws-ticket", "", []string{"Origin", "null"}, 403},
		{"an unknown field", "POST", "/ws-ticket", `{"a":1}`, nil, 400},
		{"too large", "POST", "/ws-ticket", large, nil, 413},
		{"another type", "POST", "/ws-ticket", "{}", []string{"Content-Type", "text/plain"}, 415},
		{"a second bearer", "POST", "/ws-ticket", "", []string{"Authorization", good}, 400},
		{"no such ticket", "GET", "/ws-ticket/" + unknownID, "", nil, 404},
		{"no such ticket to revoke", "DELETE", "/ws-ticket/" + unknownID, "", nil, 404},
		{"another method", "PATCH", "/ws-ticket", "", nil, 405},
		{"another path", "GET", "/ws-ticket/x/y", "", nil, 404},
		{"another host", "POST", "http://evil.example/ws-ticket", "", nil, 421},
	} {
		var answers [2]string
		for i, h := range []http.Handler{server.Public(), handler} {
			header := append([]string{"Authorization", good, "X-Request-Id", "r-1"}, row.header...)
			r := newRequest(t, row.method, row.path, row.body, header...)
			r.RemoteAddr = proxyAddr
			if strings.HasPrefix(row.path, "http:") {
				r.Host = r.URL.Host
			}
			if row.body != "" && r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", asJSON)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			answers[i] = fmt.Sprint(w.Code, " ", w.Header(), " ", w.Body)
		}
		if answers[0] != answers[1] || !strings.HasPrefix(answers[1], fmt.Sprint(row.status, " ")) {
			t.Errorf("%s: got %s\nwant %d and %s", row.rule, answers[1], row.status, answers[0])
		}
	}
}

// TestClientAddr: a program may set its own way to find the client's address.
func TestClientAddr(t *testing.T) {
	t.Parallel()
	var events test.Events
	h := embedded(t, events.Record, func(o *gate.Options) {
		o.AddressLimit = perMinute(1)
		o.ClientAddr = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("Fly-Client-Ip")) }
	})
	for _, row := range []struct {
		client string
		status int
	}{{"192.0.2.7", 201}, {"192.0.2.8", 201}, {"192.0.2.7", 429}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good, "Fly-Client-Ip", row.client))
		if all := events.All(); w.Code != row.status || all[len(all)-1].Request.ClientIP.String() != row.client {
			t.Errorf("%s: got %d and event %+v, want %d", row.client, w.Code, all[len(all)-1], row.status)
		}
	}
}

// TestDefaultLimits: there are limits unless a program switches them off.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, bearer    string
		allowed, status int
	}{
		{"10 a second of a subject", good, 10, 201},
		{"50 a second of an address", "Bearer bad", 50, 401},
	} {
		synctest.Test(t, func(t *testing.T) { // where no time passes
			var events test.Events
			h := embedded(t, events.Record, nil)
			ask := func() *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", row.bearer))
				return w
			}
			for i := range row.allowed {
				if w := ask(); w.Code != row.status {
					t.Errorf("%s: request %d: got %d, want %d", row.rule, i+1, w.Code, row.status)
				}
			}
			w := ask()
			expect(t, row.rule, w, 429, "rate_limited")
			if got := w.Header().Get("Retry-After"); got != "1" {
				t.Errorf("%s: got Retry-After %q, want 1", row.rule, got)
			}
			if e, ok := events.Find(test.Kind(ticket.EventLimit)); !ok || e.Reason != "rate_limited" || (e.Identity.Subject == "alice") != (row.bearer == good) {
				t.Errorf("%s: got event %+v, want the limit, and whose it is", row.rule, e)
			}
		})
	}
}
