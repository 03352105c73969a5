package handshake_test

import (
	"slices"
	"testing"

	"wsticket/internal/handshake"
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
	} {
		if got := handshake.StripTicket(raw, "ticket"); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func TestStripCookie(t *testing.T) {
	tests := []struct {
		rule        string
		lines, want []string
	}{
		{"none", nil, nil},
		{"alone", []string{"sid=x"}, nil},
		{"among others", []string{"a=1; sid=x; b=2"}, []string{"a=1; b=2"}},
		{"twice, over two lines", []string{"sid=x; sid=y", "a=1;sid=z"}, []string{"a=1"}},
		{"other names stay, malformed as they may be", []string{"SID=x; =; sid2=y"}, []string{"SID=x; =; sid2=y"}},
		{"without a value", []string{"sid; a=1"}, []string{"a=1"}},
	}
	for _, tt := range tests {
		if got := handshake.StripCookie(tt.lines, "sid"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
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
		o, err := handshake.ParseOffer([]string{tt.offer})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := o.Relayed()
		if answer != tt.answer || (err == nil) != tt.ok || !slices.Equal(o.Theirs(), tt.theirs) {
			t.Errorf("%q: got %q, %v, theirs %q", tt.offer, answer, err, o.Theirs())
		}
	}
}
