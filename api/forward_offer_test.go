package api_test

import (
	"strings"
	"testing"
)

// TestForwardAuthorization: Traefik gets what the application may read of
// Authorization, too. The other proxies edit the header themselves.
func TestForwardAuthorization(t *testing.T) {
	t.Parallel()
	const basic = "Basic YWxpY2U6c3RhZ2luZw=="
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		for _, row := range []struct{ target, sent, want string }{
			{"/ws?ticket=%", basic, basic},
			{"/ws", "Ticket %", ""},
			{"/ws?ticket=%", basic + ", Ticket %", ""},
			{"/ws?ticket=%", "Basic %", ""},
			{"/ws?ticket=%", `Digest username="x", nonce="y"`, `Digest username="x", nonce="y"`},
		} {
			ticket := h.mustIssue(t, "", "Origin", page).Ticket
			target, sent := strings.Replace(row.target, "%", ticket, 1), strings.Replace(row.sent, "%", ticket, 1)
			w := h.internal(t, a.ask(t, target, "Origin", page, "Authorization", sent))
			if a.path != "/auth/traefik" {
				row.want = ""
			}
			if got := strings.Join(w.Header()["Authorization"], "|"); w.Code != 200 || got != row.want {
				t.Errorf("%s: got %d and %q, want 200 and %q", row.sent, w.Code, got, row.want)
			}
		}
	})
}

// TestForwardOffer: Traefik cannot edit headers, so that it gets the offer without
// the ticket.
func TestForwardOffer(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		for offer, want := range map[string]string{
			"wsticket.v1, ticket.%":          "wsticket.v1",
			"ticket.%,chat.v2, wsticket.v1":  "chat.v2, wsticket.v1",
			"chat.v2,wsticket.v1,\tticket.%": "chat.v2, wsticket.v1",
		} {
			h := newHouse(t, nil)
			made := h.mustIssue(t, "", "Origin", page)
			w := h.internal(t, a.ask(t, "/ws", "Origin", page, "Sec-Websocket-Protocol", strings.Replace(offer, "%", made.Ticket, 1)))
			if a.path != "/auth/traefik" {
				want = ""
			}
			if got := w.Header().Get("Sec-Websocket-Protocol"); w.Code != 200 || got != want {
				t.Errorf("%s: got %d and %q, want 200 and %q", offer, w.Code, got, want)
			}
		}
		h := newHouse(t, nil)
		made := h.mustIssue(t, "", "Origin", page)
		w := h.internal(t, a.ask(t, "/ws?ticket="+made.Ticket, "Origin", page))
		if got, there := w.Header()["Sec-Websocket-Protocol"]; w.Code != 200 || there {
			t.Errorf("no offer: got %d and %q, want 200 and no header", w.Code, got)
		}
	})
}
