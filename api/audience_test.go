package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// withPaths gives the audiences paths: chat has all rooms but admin.
func withPaths(o *parts) {
	o.Audiences = ticket.Audiences{
		{Name: "chat", Paths: []string{"/ws/{room}", "/ws/chat"}},
		{Name: "admin", Paths: []string{"/ws/admin"}, Issuers: []string{test.Issuer}, Scopes: []string{"chat.write"}},
		{Name: "feed"},
	}
}

// issueFor returns a ticket of Alice for an audience.
func (h *house) issueFor(t *testing.T, audience string) issued {
	t.Helper()
	return h.mustIssue(t, `{"audience":"`+audience+`"}`)
}

// TestForwardAudience: the path of the client's request says what audience a
// handshake is for. One that an application could read as that of another audience
// is refused, and spends nothing (R6).
func TestForwardAudience(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, withPaths)
		for _, row := range []struct {
			audience, path string
			status         int
			code, reason   string
		}{
			{"chat", "/ws/general", 200, "", "ok"},
			{"chat", "/ws/chat/", 200, "", "ok"},
			{"chat", "/ws/caf%C3%A9", 200, "", "ok"},
			{"admin", "/ws/admin", 200, "", "ok"},
			{"chat", "/ws/admin", 401, "invalid_ticket", "wrong_audience"},
			{"chat", "/ws/admin/", 401, "invalid_ticket", "wrong_audience"},
			{"admin", "/ws/general", 401, "invalid_ticket", "wrong_audience"},
			{"feed", "/ws/feed", 401, "invalid_ticket", "wrong_audience"},
		} {
			made := h.issueFor(t, row.audience)
			w := h.internal(t, a.ask(t, row.path+"?ticket="+made.Ticket))
			rule := row.audience + " at " + row.path
			if row.status == 200 {
				expect(t, rule, w, 200, "")
				h.became(t, rule, "allowed", row.reason)
			} else {
				a.denied(t, rule, w, row.status, row.code)
				h.became(t, rule, "refused", row.reason)
			}
		}
		made := h.issueFor(t, "chat")
		for _, path := range []string{
			"/", "/ws", "/other", "/ws/", "/WS/general", "//ws/general", "/ws//admin", "/ws/admin//", "/ws/general/x",
			"/ws/%61dmin", "/ws/adm%69n/", "/ws/%2561dmin", "/%77s/admin",
			"/ws/./admin", "/ws/x/../admin", "/ws/..", "/ws/%2e%2e", "/ws/x%2f..%2fadmin", "/ws/x%252f..%252fadmin", "/ws/..%5cadmin", `/ws/x\admin`,
			"/ws/admin;x=y", "/ws/admin%3Bx", "/ws/;/admin", "/ws/..;/admin", "/ws/admin%3Fx", "/ws/admin%23x",
			"/ws/ADMIN", "/ws/Admin/", "/ws/%41dmin", "/ws/admin.json", "/ws/admin.", "/ws/admin%20", "/ws/admin%00", "/ws/%00", "/ws/admin%0a",
		} {
			w := h.internal(t, a.ask(t, path+"?ticket="+made.Ticket))
			a.denied(t, path, w, 404, "not_found")
			h.became(t, path, "refused", "no_audience")
		}
		expect(t, "after all of it", h.internal(t, a.ask(t, "/ws/general?ticket="+made.Ticket)), 200, "")
	})
}

// TestForwardBearer: a bearer or session is no way around the rule of an audience.
func TestForwardBearer(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) {
			withPaths(o)
			o.Audiences[0].Scopes, o.Audiences[1].Scopes = []string{"chat.read"}, []string{"admin"}
			o.Gate.Sessions, o.Gate.SessionCookie = o.Gate.Authenticator, "sid"
		})
		for rule, header := range map[string][]string{
			"bearer": {"Authorization", good}, "session": {"Cookie", "sid=good", "Origin", page},
		} {
			expect(t, rule+" at chat", h.internal(t, a.ask(t, "/ws/general", header...)), 200, "")
			a.denied(t, rule+" at admin", h.internal(t, a.ask(t, "/ws/admin", header...)), 403, "insufficient_scope")
			h.became(t, rule, "refused", "insufficient_scope")
			if got := attrsOf(h.last(t)); got["audience"] != "admin" || got["needs"] != "admin" || got["scope"] != "chat.read chat.write" {
				t.Errorf("%s: got attributes %v, want the audience, and the scope that is missing", rule, got)
			}
		}
	})
}

func attrsOf(e ticket.Event) map[string]string {
	attrs := make(map[string]string)
	for _, a := range e.Attrs {
		attrs[a.Key] = a.Value.String()
	}
	return attrs
}

// TestForwardKey: a proxy with the key of one audience asks about that one only,
// and spends no ticket of another.
func TestForwardKey(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) {
			withPaths(o)
			o.Audiences[2].Paths = []string{"/feed"}
		})
		ask := func(path, key string) *httptest.ResponseRecorder {
			r := a.ask(t, path, "X-Wsticket-Key", key)
			r.RemoteAddr = "192.0.2.7:1"
			return h.internal(t, r)
		}
		admin, feed := h.issueFor(t, "admin").Ticket, h.issueFor(t, "feed").Ticket
		a.denied(t, "another audience", ask("/ws/admin?ticket="+admin, "feed-key"), 403, "insufficient_scope")
		h.became(t, "another audience", "refused", "key_audience")
		expect(t, "its own", ask("/feed?ticket="+feed, "feed-key"), 200, "")
		expect(t, "a key for all, with the ticket of before", ask("/ws/admin?ticket="+admin, "every-key"), 200, "")
	})
	h := newHouse(t, nil) // every handshake is for chat
	a := askers()["haproxy"]
	r := a.ask(t, "/feed?ticket="+h.issueFor(t, "feed").Ticket, "X-Wsticket-Key", "feed-key")
	r.RemoteAddr = "192.0.2.7:1"
	a.denied(t, "no audience has paths", h.internal(t, r), 403, "insufficient_scope")
}

// TestKeyAudience: a key that is for other audiences is refused before the store is
// asked, and cannot see their tickets.
func TestKeyAudience(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	post := func(path, key, kind, body string) *httptest.ResponseRecorder {
		return h.internal(t, newRequest(t, http.MethodPost, path, body, "Authorization", "Bearer "+key, "Content-Type", kind))
	}
	chat := h.issueFor(t, "chat").Ticket
	for body, reason := range map[string]string{
		`{"ticket":"` + chat + `","audience":"chat"}`: "key_audience",
		`{"ticket":"` + chat + `","audience":"gone"}`: "invalid_request",
	} {
		w := post("/consume", "feed-key", asJSON, body)
		if h.became(t, body, "refused", reason); w.Code != 403 && w.Code != 400 {
			t.Errorf("%s: got %d, want a refusal", body, w.Code)
		}
	}
	expect(t, "a key of an audience that is gone", post("/consume", "gone-key", asJSON, `{"ticket":"`+chat+`"}`), 403, "insufficient_scope")
	for key, active := range map[string]bool{"feed-key": false, "gone-key": false, "introspect-key": true} {
		w := post("/introspect", key, asForm, "token="+chat)
		unknown := post("/introspect", "feed-key", asForm, "token="+unknownToken)
		if got := strings.HasPrefix(w.Body.String(), `{"active":true`); got != active || !active && w.Body.String() != unknown.Body.String() {
			t.Errorf("%s: got %s, want active = %v", key, w.Body, active)
		}
	}
	if n := h.events.Count(ticket.EventRedeem) + h.events.Count(ticket.EventReplay); n != 0 {
		t.Errorf("%d presentations reached the store, want none", n)
	}
	expect(t, "after all of it", post("/consume", "every-key", asJSON, `{"ticket":"`+chat+`"}`), 200, "")
	h.became(t, "after all of it", "redeemed", "ok")
}

// TestSocketURL: the URL of an answer is one where the ticket is accepted.
func TestSocketURL(t *testing.T) {
	t.Parallel()
	paths := newHouse(t, withPaths)
	for audience, want := range map[string]string{"chat": "/ws/chat", "admin": "/ws/admin", "feed": ""} {
		made := paths.issueFor(t, audience)
		if path, _, _ := strings.Cut(strings.TrimPrefix(made.URL, "ws://"+host), "?"); path != want {
			t.Errorf("%s: got %s, want %s", audience, made.URL, want)
		}
	}
	names := newHouse(t, nil)
	for audience, want := range map[string]string{"chat": "/ws", "feed": ""} {
		made := names.issueFor(t, audience)
		if path, _, _ := strings.Cut(strings.TrimPrefix(made.URL, "ws://"+host), "?"); path != want {
			t.Errorf("without paths, %s: got %s, want %s", audience, made.URL, want)
		}
	}
	var body map[string]any
	w := names.post(t, `{"audience":"feed"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body["url"] != nil || body["protocols"] == nil {
		t.Errorf("got %s, %v, want no url", w.Body, err)
	}
}

// TestSocketPathsOfAudiences: where audiences have paths, these are what is served,
// and others are a fault.
func TestSocketPathsOfAudiences(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withPaths)
	for path, want := range map[string]int{"/ws/general": 101, "/ws/admin": 101, "/ws": 404} {
		w := httptest.NewRecorder()
		if h.Public().ServeHTTP(w, newRequest(t, http.MethodGet, path, "")); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	o := new(house).build(t, func(p *parts) {
		withPaths(p)
		p.WSPaths = []string{"/ws/{name}/", "/ws", "/ws/other"}
	})
	_, err := api.New(o)
	if got := test.Faults(err); len(got) != 2 || got[0] != "api.WSPaths" || !strings.Contains(err.Error(), "/ws,") || !strings.Contains(err.Error(), "/ws/other,") {
		t.Errorf("got %v, want a fault for each path that no audience has", err)
	}
}

// TestGateWithoutAudiences: a Redeemer that does not say which audiences it has is
// asked for the one that the caller names, or its own default.
func TestGateWithoutAudiences(t *testing.T) {
	t.Parallel()
	var got ticket.Presentation
	o := new(house).build(t, func(p *parts) { p.Gate.Redeemer = granting(&got) })
	var err error
	if o.Gate, err = gate.New(gate.Options{Redeemer: granting(&got), AllowMissingOrigin: true, Hosts: []string{host}, Now: noon}); err != nil {
		t.Fatal(err)
	}
	s, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{"": "", `,"audience":"any"`: "any"} {
		r := newRequest(t, http.MethodPost, "/consume", `{"ticket":"`+unknownToken+`"`+body+`}`, "Authorization", "Bearer consume-key", "Content-Type", asJSON)
		w := httptest.NewRecorder()
		if s.Internal().ServeHTTP(w, r); w.Code != 200 || got.Audience != want {
			t.Errorf("%s: got %d %s for %q, want 200 for %q", body, w.Code, w.Body, got.Audience, want)
		}
	}
}
