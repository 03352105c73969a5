package ticket_test

import (
	"fmt"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// TestCookiesOfASession: they come back with the grant, and no event or text has them.
func TestCookiesOfASession(t *testing.T) {
	t.Parallel()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var events test.Events
	service, err := ticket.New(ticket.Options{Store: store, Events: events.Record})
	if err != nil {
		t.Fatal(err)
	}
	who := test.Alice()
	who.Cookies = ticket.NewBearer("sid=MARKER-7f3a")
	for _, cookies := range []ticket.Bearer{who.Cookies, {}} {
		who.Cookies = cookies
		made, err := service.Issue(t.Context(), ticket.Request{Identity: who})
		if err != nil {
			t.Fatal(err)
		}
		grant, err := service.Redeem(t.Context(), made.Token, ticket.Presentation{})
		if err != nil || grant.Identity.Cookies.Reveal() != cookies.Reveal() || grant.Identity.Subject != who.Subject {
			t.Errorf("got %+v, %v, want the cookies of the session", grant, err)
		}
		if text := fmt.Sprintf("%+v %#v", grant, grant); strings.Contains(text, "MARKER") {
			t.Errorf("got %s, want no cookies in it", text)
		}
	}
	for _, e := range events.All() {
		if !e.Identity.Cookies.IsZero() {
			t.Errorf("the event %s has the cookies", e.Kind)
		}
	}
}
