package gate

import (
	"slices"
	"strings"
	"testing"
)

// What is answered was offered in this spelling, is served, and is no ticket;
// and no other entry could be taken for it.
func FuzzSubprotocols(f *testing.F) {
	for _, seed := range []string{
		"wsticket.v1, ticket.x", "app.v1,ticket.a", "ticket.x", "app.v1, APP.V1", "a b", "", ",", "ticket.,ticket.", "Ticket.x, wsticket.v1",
	} {
		f.Add(seed, "")
		f.Add("wsticket.v1", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first}
		if second != "" {
			lines = append(lines, second)
		}
		offer, err := parseOffer(lines)
		if err != nil {
			return
		}
		chosen, err := offer.Choose([]string{"app.v1"})
		if err != nil {
			return
		}
		if chosen == "" && strings.Trim(strings.Join(lines, ""), ", \t") == "" {
			return // no offer at all
		}
		if chosen != "app.v1" && chosen != "wsticket.v1" {
			t.Fatalf("%q: chose %q", lines, chosen)
		}
		var entries, alike []string
		for entry := range strings.SplitSeq(strings.Join(lines, ","), ",") {
			entry = strings.Trim(entry, " \t")
			entries = append(entries, entry)
			if strings.EqualFold(entry, chosen) {
				alike = append(alike, entry)
			}
		}
		if !slices.Equal(alike, []string{chosen}) {
			t.Errorf("%q: %q could be taken for %q", lines, alike, chosen)
		}
		for _, token := range offer.tickets {
			if !slices.Contains(entries, "ticket."+token) {
				t.Errorf("%q: ticket %q was not offered", lines, token)
			}
		}
	})
}
