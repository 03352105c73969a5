package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wsticket/ticket"
)

// TestRenew: who sends the request and what the Renewer says is what counts.
func TestRenew(t *testing.T) {
	t.Parallel()
	failure := map[string]error{
		"not_found": ticket.ErrNotFound, "insufficient_scope": ticket.ErrInsufficientScope,
		"invalid_bearer": ticket.ErrInvalidBearer, "unavailable": ticket.ErrUnavailable,
	}
	for _, row := range []struct {
		rule, bearer, body string
		fails              string
		status             int
		code               string
		asked              int
	}{
		{"a good bearer", good, "", "", 200, "", 1},
		{"with an empty object", good, "{}", "", 200, "", 1},
		{"unknown, closed or somebody else's", good, "", "not_found", 404, "not_found", 1},
		{"an older bearer", good, "", "invalid_bearer", 401, "invalid_token", 1},
		{"a bearer with less scope", good, "", "insufficient_scope", 403, "insufficient_scope", 1},
		{"a process that does not answer", good, "", "unavailable", 503, "unavailable", 1},
		{"nobody", "", "", "", 401, "missing_credential", 0},
		{"a bad bearer", "Bearer bad", "", "", 401, "invalid_token", 0},
		{"a ticket", "Bearer " + unknownToken, "", "", 401, "invalid_token", 0},
		{"another body", good, `{"ttl":5}`, "", 400, "invalid_request", 0},
	} {
		asked := 0
		h := newHouse(t, func(o *parts) {
			o.Renewer = renews(func(id ticket.ID, who ticket.Identity) (time.Time, error) {
				if asked++; id != unknownID || who.Subject != "alice" {
					t.Errorf("%s: asked for %s of %s, want those of the request", row.rule, id, who.Subject)
				}
				return noon().Add(90*time.Minute + 400*time.Millisecond), failure[row.fails]
			})
		})
		var header []string
		if row.bearer != "" {
			header = append(header, "Authorization", row.bearer)
		}
		if row.body != "" {
			header = append(header, "Content-Type", asJSON)
		}
		w := h.public(t, newRequest(t, http.MethodPost, "/connections/"+unknownID+"/renew", row.body, header...))
		if asked != row.asked {
			t.Errorf("%s: asked %d times, want %d", row.rule, asked, row.asked)
		}
		if row.status != 200 {
			expect(t, row.rule, w, row.status, row.code)
			continue
		}
		want := `{"connection_id":"` + unknownID + `","expires_in":5400,"connection_expires_at":"2026-11-23T13:30:00Z"}`
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: got %d %s, want %s", row.rule, w.Code, w.Body, want)
		}
		h.became(t, row.rule, "renewed", "ok")
	}
}

// TestRenewFromPages: cookies, origins and preflights are those of POST /ws-ticket.
func TestRenewFromPages(t *testing.T) {
	t.Parallel()
	h, _ := newSessions(t, func(o *parts) {
		o.Renewer = renews(func(ticket.ID, ticket.Identity) (time.Time, error) { return noon().Add(time.Hour), nil })
	})
	ask := func(method, id string, header ...string) *httptest.ResponseRecorder {
		return h.public(t, newRequest(t, method, "/connections/"+id+"/renew", "", header...))
	}
	for _, row := range []struct {
		rule, method, id string
		header           []string
		status           int
		code             string
	}{
		{"a page with a session", http.MethodPost, unknownID, []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON}, 200, ""},
		{"a page with a bearer", http.MethodPost, unknownID, []string{"Authorization", good, "Origin", page}, 200, ""},
		{"a session without a page", http.MethodPost, unknownID, []string{"Cookie", alices, "Content-Type", asJSON}, 403, "origin_not_allowed"},
		{"a session and a form", http.MethodPost, unknownID, []string{"Cookie", alices, "Origin", page, "Content-Type", asForm}, 403, "origin_not_allowed"},
		{"a foreign page", http.MethodPost, unknownID, []string{"Authorization", good, "Origin", "https://evil.example"}, 403, "origin_not_allowed"},
		{"a malformed ID", http.MethodPost, "x", []string{"Authorization", good}, 404, "not_found"},
		{"a preflight", http.MethodOptions, unknownID, []string{"Origin", page}, 204, ""},
		{"another method", http.MethodGet, unknownID, []string{"Authorization", good}, 405, "method_not_allowed"},
	} {
		w := ask(row.method, row.id, row.header...)
		if row.code != "" {
			expect(t, row.rule, w, row.status, row.code)
		} else if w.Code != row.status || w.Header().Get("Access-Control-Allow-Origin") != page {
			t.Errorf("%s: got %d %v, want %d for the page", row.rule, w.Code, w.Header(), row.status)
		}
	}
}
