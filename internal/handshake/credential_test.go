package handshake_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"wsticket/internal/handshake"
)

func TestSessionCookies(t *testing.T) {
	tests := []struct {
		rule  string
		lines []string
		want  []string
		err   error
	}{
		{"none", nil, nil, nil},
		{"alone", []string{"sid=abc"}, []string{"abc"}, nil},
		{"among others", []string{"a=1; sid=abc; b=2"}, []string{"abc"}, nil},
		{"without blanks", []string{"a=1;sid=abc"}, []string{"abc"}, nil},
		{"an equals sign belongs to the value", []string{"sid=a=b"}, []string{"a=b"}, nil},
		{"others may be malformed", []string{`x; "; =; sid=abc`}, []string{"abc"}, nil},
		{"names have one case", []string{"SID=abc"}, nil, nil},
		{"a longer name is another one", []string{"sid2=abc; xsid=abc"}, nil, nil},
		{"twice", []string{"sid=a; sid=b"}, []string{"a", "b"}, nil},
		{"twice over two lines", []string{"sid=a", "sid=b"}, []string{"a", "b"}, nil},
		{"no value", []string{"sid="}, nil, handshake.ErrCookie},
		{"no equals sign", []string{"sid"}, nil, handshake.ErrCookie},
		{"quoted", []string{`sid="abc"`}, nil, handshake.ErrCookie},
		{"a blank within", []string{"sid=a b"}, nil, handshake.ErrCookie},
		{"a comma, which some take for a separator", []string{"sid=a,sid=b"}, nil, handshake.ErrCookie},
		{"not ASCII", []string{"sid=ä"}, nil, handshake.ErrCookie},
	}
	for _, tt := range tests {
		got, err := handshake.SessionCookies(tt.lines, "sid")
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.rule, got, err, tt.want, tt.err)
		}
	}
}

// A browser sends cookies unasked, so one counts where its door is open only.
func TestCookieBesideATicket(t *testing.T) {
	header := http.Header{"Cookie": {"sid=abc"}}
	doors := handshake.Doors{Open: []handshake.Door{handshake.DoorQuery}, Parameter: "ticket", Cookie: "sid"}
	got, err := doors.Credential("ticket=x", header, handshake.Offer{})
	if want := (handshake.Credential{Door: handshake.DoorQuery, Text: "x"}); got != want || err != nil {
		t.Errorf("closed cookie door: got %+v, %v, want %+v", got, err, want)
	}
	doors.Open = append(doors.Open, handshake.DoorCookie)
	if _, err := doors.Credential("ticket=x", header, handshake.Offer{}); !errors.Is(err, handshake.ErrTwoCredentials) {
		t.Errorf("open cookie door: got %v, want two credentials", err)
	}
	got, err = doors.Credential("", header, handshake.Offer{})
	if want := (handshake.Credential{Door: handshake.DoorCookie, Kind: handshake.Session, Text: "abc"}); got != want || err != nil {
		t.Errorf("the cookie alone: got %+v, %v, want %+v", got, err, want)
	}
}

func TestAttemptTellsKeyAndPeer(t *testing.T) {
	seen := map[string]string{}
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}, {"a", ""}, {"", "a"}} {
		name := handshake.Attempt(pair[0], pair[1])
		if other, taken := seen[name]; taken || len(name) != 22 {
			t.Errorf("attempt %q = %q, as %q", pair, name, other)
		}
		seen[name] = pair[0] + "/" + pair[1]
	}
}
