package ws_test

import (
	"slices"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

func TestNewNamesEveryFault(t *testing.T) {
	good, err := gate.New(gate.Options{Redeemer: redeemFunc(nil), AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	upstream := func(u ws.Upstream) ws.Options { return ws.Options{Gate: good, Upstream: &u} }
	for rule, row := range map[string]struct {
		options ws.Options
		want    []string
	}{
		"nothing is set": {ws.Options{}, []string{"ws.Gate", "ws.Endpoint"}},
		"numbers": {
			ws.Options{Gate: good, Endpoint: ws.Echo, MaxMessage: 124, AuthTimeout: -time.Second, Unauthenticated: -1, UnauthenticatedPerAddress: -1},
			[]string{"ws.MaxMessage", "ws.AuthTimeout", "ws.Unauthenticated", "ws.UnauthenticatedPerAddress"},
		},
		"a timeout that is too long": {ws.Options{Gate: good, Endpoint: ws.Echo, AuthTimeout: time.Minute + 1}, []string{"ws.AuthTimeout"}},
		"each subprotocol but app": {
			ws.Options{Gate: good, Endpoint: ws.Echo, Subprotocols: []string{"a b", "ticket.x", "WSTICKET.v1", "app", "APP"}},
			[]string{"ws.Subprotocols", "ws.Subprotocols", "ws.Subprotocols", "ws.Subprotocols"},
		},
		"an Endpoint and an Upstream": {
			ws.Options{Gate: good, Endpoint: ws.Echo, Upstream: &ws.Upstream{URL: "http://app", Identity: who{}}}, []string{"ws.Endpoint"},
		},
		"an empty Upstream": {upstream(ws.Upstream{}), []string{"ws.Upstream.Identity", "ws.Upstream.URL"}},
		"durations of an Upstream": {
			upstream(ws.Upstream{URL: "http://app", Identity: who{}, Ping: -1, IdleTimeout: -1}), []string{"ws.Upstream.Ping", "ws.Upstream.IdleTimeout"},
		},
	} {
		if handler, err := ws.New(row.options); handler != nil || !slices.Equal(test.Faults(err), row.want) {
			t.Errorf("%s: New = %v, %v, want faults of %q", rule, handler, err, row.want)
		}
	}
}

// A caller who changes its slices later changes nothing here.
func TestNewKeepsItsOwnLists(t *testing.T) {
	doors, protocols := []ticket.Door{ticket.DoorQuery}, []string{"app.v1"}
	f := newFixture(t, func(s *setup) { s.gate.Doors, s.ws.Subprotocols = doors, protocols })
	doors[0], protocols[0] = ticket.DoorHeader, "other"
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, request("GET /ws?ticket="+token+" HTTP/1.1", "Sec-WebSocket-Protocol: app.v1"))
	if got.StatusCode != switching {
		t.Errorf("status %d, want 101", got.StatusCode)
	}
}
