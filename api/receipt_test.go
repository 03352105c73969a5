package api_test

import (
	"net/http"
	"testing"
	"time"

	"wsticket/ticket"
)

const unknownID = "4B8xiXBODIlsV0VSjvtzly"

func (h *house) get(t *testing.T, id, bearer string) (status int, body string) {
	t.Helper()
	w := h.public(t, newRequest(t, http.MethodGet, "/ws-ticket/"+id, "", "Authorization", bearer))
	return w.Code, w.Body.String()
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id := h.mustIssue(t, "").ID
	at := noon().Add(3*time.Second + 999*time.Millisecond)
	for _, row := range []struct {
		mark ticket.Mark
		want string
	}{
		{ticket.Mark{State: ticket.Pending}, `"state":"pending"`},
		{ticket.Mark{State: ticket.Redeemed, At: at, Attempt: "secret"}, `"state":"redeemed","at":"2026-11-23T12:00:03Z"`},
		{ticket.Mark{State: ticket.Refused, At: at, Reason: "wrong_origin"}, `"state":"refused","reason":"wrong_origin","at":"2026-11-23T12:00:03Z"`},
		{ticket.Mark{State: ticket.Revoked, At: at}, `"state":"revoked","at":"2026-11-23T12:00:03Z"`},
	} {
		h.store[ticket.ID(id)].Mark = row.mark
		want := `{"ticket_id":"` + id + `",` + row.want + `,"expires_at":"2026-11-23T12:00:30Z"}`
		if status, got := h.get(t, id, good); status != 200 || got != want {
			t.Errorf("%s: got %d %s, want 200 %s", row.mark.State, status, got, want)
		}
	}
	entry := h.last(t)
	if entry.TicketID != id || entry.Outcome != "read" || entry.Reason != "ok" || entry.Route != "/ws-ticket/{id}" {
		t.Errorf("got entry %+v, want the ID, read, ok and the route", entry)
	}
}

func TestReceiptIsTheOwners(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	issued := h.mustIssue(t, "")
	ask := func(method, id, bearer string) string {
		t.Helper()
		r := newRequest(t, method, "/ws-ticket/x", "", "Authorization", bearer, "X-Request-Id", "r-1")
		r.URL.Path = "/ws-ticket/" + id
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
	if got := h.store[ticket.ID(issued.ID)].Mark.State; got != ticket.Pending {
		t.Errorf("got state %s, want pending: nobody else revokes it", got)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id := h.mustIssue(t, "").ID
	revoke := func() *http.Request {
		return newRequest(t, http.MethodDelete, "/ws-ticket/"+id, "", "Authorization", good)
	}
	for _, rule := range []string{"a pending one", "again"} {
		w := h.public(t, revoke())
		if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Errorf("%s: got %d %q, want 204 and nothing", rule, w.Code, w.Body)
		}
		if got := h.store[ticket.ID(id)].Mark.State; got != ticket.Revoked {
			t.Errorf("%s: got state %s, want revoked", rule, got)
		}
	}
	entry := h.last(t)
	if entry.TicketID != id || entry.Outcome != "revoked" || entry.Reason != "ok" {
		t.Errorf("got entry %+v, want the ID, revoked, ok", entry)
	}
	h.store[ticket.ID(id)].Mark = ticket.Mark{State: ticket.Redeemed, At: noon()}
	expect(t, "a redeemed one", h.public(t, revoke()), 404, "not_found")
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
