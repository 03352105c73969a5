package ws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ws"
)

// bring is a way to bring a credential in the handshake.
type bring struct {
	name   string
	door   ws.Door // none: no door takes it
	query  string
	header string
}

func brings() []bring {
	return []bring{
		{"query", ws.DoorQuery, "?ticket=$T", ""},
		{"subprotocol", ws.DoorSubprotocol, "", "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"},
		{"ticket in the header", ws.DoorHeader, "", "Authorization: Ticket $T"},
		{"bearer in the header", ws.DoorHeader, "", "Authorization: bearer " + goodBearer},
		{"cookie", ws.DoorCookie, "", "Cookie: sid=" + goodBearer},
		{"Digest", "", "", `Authorization: Digest username="x", realm="y"`},
	}
}

// Several credentials are an error in every combination of doors: each single
// one, each pair and each triple, by each set of open doors.
func TestMatrixOfCredentialsAndDoors(t *testing.T) {
	all := []ws.Door{ws.DoorQuery, ws.DoorSubprotocol, ws.DoorHeader, ws.DoorCookie, ws.DoorFirstMessage}
	for set := 1; set < 1<<len(all); set++ {
		var doors []ws.Door
		for i, door := range all {
			if set&(1<<i) != 0 {
				doors = append(doors, door)
			}
		}
		t.Run(fmt.Sprint(doors), func(t *testing.T) {
			f := newFixture(t, func(o *ws.Options) {
				o.Doors, o.Sessions, o.SessionCookie = doors, fakeAuth{}, "sid"
				o.UnauthenticatedPerAddress, o.AuthTimeout = 1000, time.Minute
			})
			for _, brought := range combinations(brings(), 3) {
				f.checkCombination(t, doors, brought)
			}
		})
	}
}

// combinations lists those of up to n elements, none included.
func combinations(of []bring, n int) [][]bring {
	lists := [][]bring{nil}
	for i, first := range of {
		if n == 0 {
			break
		}
		for _, rest := range combinations(of[i+1:], n-1) {
			lists = append(lists, append([]bring{first}, rest...))
		}
	}
	return lists
}

// checkCombination makes one handshake. What counts is all that is brought,
// but a cookie only where its door is open.
func (f *fixture) checkCombination(t *testing.T, doors []ws.Door, brought []bring) {
	t.Helper()
	var names []string
	var counted []bring
	line, headers := "GET /ws", []string{"Origin: " + appOrigin}
	for _, b := range brought {
		line += b.query
		if b.header != "" {
			headers = append(headers, "+"+b.header)
		}
		names = append(names, b.name)
		if b.door != ws.DoorCookie || slices.Contains(doors, b.door) {
			counted = append(counted, b)
		}
	}
	status, code := switching, ""
	switch {
	case len(counted) > 1:
		status, code = 400, invalid
	case len(counted) == 1 && !slices.Contains(doors, counted[0].door):
		status, code = 401, absent
	case len(counted) == 0 && !slices.Contains(doors, ws.DoorFirstMessage):
		status, code = 401, absent
	}
	calls := f.redeemed.Load()
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, strings.ReplaceAll(request(line+" HTTP/1.1", headers...), "$T", token))
	defer func() { _ = got.conn.Close() }()
	if got.StatusCode != status || problemCode(got.body) != code {
		t.Errorf("doors %q, %q: answer %d %s, want %d %q", doors, names, got.StatusCode, got.body, status, code)
		return
	}
	if status != switching {
		if f.redeemed.Load() != calls {
			t.Errorf("doors %q, %q: the ticket was redeemed", doors, names)
		}
		return
	}
	if len(counted) == 0 {
		got.say(t, auth(token))
		got.authenticated(t)
	}
	// With a credential in the handshake, an auth message is none of ours.
	got.say(t, auth(token))
	_, hello := got.readFrame(t)
	if _, echo := got.readFrame(t); !strings.Contains(hello, `"hello"`) || !strings.Contains(echo, `"auth"`) {
		t.Errorf("doors %q, %q: %s, then %s, want the application's greeting and the message", doors, names, hello, echo)
	}
}
