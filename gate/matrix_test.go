package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// bring is a way to bring a credential in the handshake.
type bring struct {
	name   string
	door   ticket.Door // none: no door takes it
	query  string
	header string
}

func brings() []bring {
	return []bring{
		{"query", ticket.DoorQuery, "?ticket=$T", ""},
		{"subprotocol", ticket.DoorSubprotocol, "", "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"},
		{"ticket in the header", ticket.DoorHeader, "", "Authorization: Ticket $T"},
		{"bearer in the header", ticket.DoorHeader, "", "Authorization: bearer " + goodBearer},
		{"cookie", ticket.DoorCookie, "", "Cookie: sid=" + goodBearer},
		{"Digest", "", "", `Authorization: Digest username="x", realm="y"`},
	}
}

// Several credentials are an error in every combination of doors: each single
// one, each pair and each triple, by each set of open doors.
func TestMatrixOfCredentialsAndDoors(t *testing.T) {
	all := []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader, ticket.DoorCookie, ticket.DoorFirstMessage}
	for set := 1; set < 1<<len(all); set++ {
		var doors []ticket.Door
		for i, door := range all {
			if set&(1<<i) != 0 {
				doors = append(doors, door)
			}
		}
		t.Run(fmt.Sprint(doors), func(t *testing.T) {
			j := newJudge(t, func(o *gate.Options) {
				withSessions(o)
				o.Doors = doors
			})
			for _, brought := range combinations(brings(), 3) {
				j.checkCombination(t, doors, brought)
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

// checkCombination makes one handshake. Its explicit credentials count, else the
// cookie if its door is open. Digest never counts.
func (j *judge) checkCombination(t *testing.T, doors []ticket.Door, brought []bring) {
	t.Helper()
	tt := row{"", "GET /ws", switching, "", false}
	headers := []string{"Origin: " + appOrigin}
	var counted, session []bring
	for _, b := range brought {
		tt.rule += b.name + " "
		tt.request += b.query
		if b.header != "" {
			headers = append(headers, "+"+b.header)
		}
		if b.door == ticket.DoorCookie {
			session = append(session, b)
		} else if b.door != "" {
			counted = append(counted, b)
		}
	}
	if len(counted) == 0 && slices.Contains(doors, ticket.DoorCookie) {
		counted = session
	}
	tt.request = test.Handshake(tt.request+" HTTP/1.1", headers...)
	switch {
	case len(counted) > 1:
		tt.status, tt.code = 400, invalid
	case len(counted) == 1 && !slices.Contains(doors, counted[0].door),
		len(counted) == 0 && !slices.Contains(doors, ticket.DoorFirstMessage):
		tt.status, tt.code = 401, absent
	case len(counted) == 1:
		tt.burned = strings.Contains(counted[0].query+counted[0].header, "$T")
	}
	t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
}
