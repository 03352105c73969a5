package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/ticket"
)

func (h *house) get(t *testing.T, id, bearer string) (status int, body string) {
	t.Helper()
	w := h.public(t, newRequest(t, http.MethodGet, "/ws-ticket/"+id, "", "Authorization", bearer))
	return w.Code, w.Body.String()
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "", "Origin", page)
	for _, row := range []struct {
		rule   string
		before func(made issued)
		want   string
	}{
		{"issued", func(issued) {}, `"state":"pending"`},
		{"presented by nobody's page", func(made issued) { h.consume(t, `{"ticket":"`+made.Ticket+`"}`) }, `"state":"refused","reason":"wrong_origin","at":"2026-11-23T12:00:00Z"`},
		{"redeemed", func(made issued) { h.consume(t, `{"ticket":"`+made.Ticket+`","origin":"`+page+`"}`) }, `"state":"redeemed","at":"2026-11-23T12:00:00Z"`},
		{"revoked", func(made issued) {
			h.public(t, newRequest(t, http.MethodDelete, "/ws-ticket/"+made.ID, "", "Authorization", good))
		}, `"state":"revoked","at":"2026-11-23T12:00:00Z"`},
		{"presented by a foreign page", func(made issued) {
			r := askers()["haproxy"].ask(t, "/ws?ticket="+made.Ticket, "Origin", "https://evil.example")
			expect(t, "a foreign page", h.internal(t, r), 403, "origin_not_allowed")
		}, `"state":"pending","reason":"origin_not_allowed","at":"2026-11-23T12:00:00Z"`},
		{"presented by a backend for a foreign page", func(made issued) {
			h.consume(t, `{"ticket":"`+made.Ticket+`","origin":"https://evil.example"}`)
		}, `"state":"pending","reason":"origin_not_allowed","at":"2026-11-23T12:00:00Z"`},
		{"presented twice", func(made issued) {
			h.consume(t, `{"ticket":"`+made.Ticket+`","origin":"`+page+`"}`)
			h.consume(t, `{"ticket":"`+made.Ticket+`","origin":"`+page+`"}`)
		}, `"state":"redeemed","reason":"spent","at":"2026-11-23T12:00:00Z"`},
		{"presented again after a refusal", func(made issued) {
			h.consume(t, `{"ticket":"`+made.Ticket+`"}`)
			h.consume(t, `{"ticket":"`+made.Ticket+`","origin":"`+page+`"}`)
		}, `"state":"refused","reason":"wrong_origin","at":"2026-11-23T12:00:00Z"`},
	} {
		made := h.mustIssue(t, "", "Origin", page)
		row.before(made)
		want := `{"ticket_id":"` + made.ID + `",` + row.want + `,"expires_at":"2026-11-23T12:00:30Z"}`
		if status, got := h.get(t, made.ID, good); status != 200 || got != want {
			t.Errorf("%s: got %d %s, want 200 %s", row.rule, status, got, want)
		}
	}
	h.get(t, made.ID, good)
	h.became(t, "a receipt", "read", "ok")
	if e := h.last(t); string(e.TicketID) != made.ID || e.HTTP.Route != "/ws-ticket/{id}" {
		t.Errorf("got event %+v, want the ID and the route", e)
	}
}

func TestReceiptIsTheOwners(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	issued := h.mustIssue(t, "")
	ask := func(method, id, bearer string) string {
		t.Helper()
		r := newRequest(t, method, "/ws-ticket/x", "", "Authorization", bearer, "X-Request-Id", "r-1")
		r.URL.Path, r.RemoteAddr = "/ws-ticket/"+id, proxyAddr
		w := h.public(t, r)
		expect(t, method+" "+id, w, 404, "not_found")
		return w.Body.String()
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		want := ask(method, unknownID, good)
		for rule, got := range map[string]string{
			"somebody else's":           ask(method, issued.ID, other),
			"the token is not its name": ask(method, issued.Ticket, good),
			"a character short":         ask(method, issued.ID[1:], good),
			"a character long":          ask(method, issued.ID+"A", good),
			"with a blank":              ask(method, issued.ID[1:]+" ", good),
			"with a percent sign":       ask(method, issued.ID[:19]+"%41", good),
			"a pattern":                 ask(method, "*", good),
		} {
			if got != want {
				t.Errorf("%s %s: got %s, want the same as for an unknown one, %s", method, rule, got, want)
			}
		}
	}
	if status, got := h.get(t, issued.ID, good); status != 200 || !strings.Contains(got, `"state":"pending"`) {
		t.Errorf("got %d %s, want pending: nobody else revokes it", status, got)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "")
	revoke := func(id string) *httptest.ResponseRecorder {
		return h.public(t, newRequest(t, http.MethodDelete, "/ws-ticket/"+id, "", "Authorization", good))
	}
	for _, rule := range []string{"a pending one", "again"} {
		if w := revoke(made.ID); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Errorf("%s: got %d %q, want 204 and nothing", rule, w.Code, w.Body)
		}
		h.became(t, rule, "revoked", "ok")
		if e, ok := h.events.Find(test.Kind(ticket.EventRevoke)); !ok || string(e.TicketID) != made.ID || e.Request.ID == "" {
			t.Errorf("%s: got event %+v, want the ID and the request", rule, e)
		}
	}
	redeemed := h.mustIssue(t, "")
	h.consume(t, `{"ticket":"`+redeemed.Ticket+`"}`)
	expect(t, "a redeemed one", revoke(redeemed.ID), 404, "not_found")
	h.became(t, "a redeemed one", "refused", "not_found")
}

func TestReceiptNeedsACredential(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id := h.mustIssue(t, "").ID
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodHead} {
		w := h.public(t, newRequest(t, method, "/ws-ticket/"+id, ""))
		if w.Code != 401 {
			t.Errorf("%s without: got %d, want 401", method, w.Code)
		}
		w = h.public(t, newRequest(t, method, "/ws-ticket/"+id, "", "Authorization", "Bearer bad"))
		if w.Code != 401 {
			t.Errorf("%s with a bad one: got %d, want 401", method, w.Code)
		}
	}
}
