package gate

import (
	"slices"
	"testing"
)

func TestStripTicket(t *testing.T) {
	for raw, want := range map[string]string{
		"":                           "",
		"room=1":                     "room=1",
		"ticket=x":                   "",
		"ticket=x&room=1":            "room=1",
		"room=1&ticket=x":            "room=1",
		"a=%41%20b&ticket=x&c;d&&e=": "a=%41%20b&c;d&&e=",
		"next=ticket=x":              "next=ticket=x",
		"ticket2=x":                  "ticket2=x",
		"ticket2=x&next=%2577st1_x":  "ticket2=x",
		"a=1&wst1_x&b=WST1%5fx":      "a=1",
	} {
		if got := withoutTickets(raw, "ticket"); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func TestRelayedOffer(t *testing.T) {
	tests := []struct {
		offer, answer string
		theirs        []string
		ok            bool
	}{
		{"wsticket.v1, ticket.x", "wsticket.v1", nil, true},
		{"wsticket.v1, ticket.x, app.v2, app.v1", "wsticket.v1", []string{"app.v2", "app.v1"}, true},
		{"ticket.x, app.v1", "", []string{"app.v1"}, true},
		{"app.v1", "", []string{"app.v1"}, true},
		{"ticket.x", "", nil, false},
	}
	for _, tt := range tests {
		o, err := parseOffer([]string{tt.offer})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := o.ChooseRelayed()
		if answer != tt.answer || (err == nil) != tt.ok || !slices.Equal(o.Application(), tt.theirs) {
			t.Errorf("%q: got %q, %v, theirs %q", tt.offer, answer, err, o.Application())
		}
	}
}
