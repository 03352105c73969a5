package ws_test

import (
	"strings"
	"testing"
	"time"

	"wsticket/ws"
)

func TestNewNamesEveryFault(t *testing.T) {
	handler, err := ws.New(ws.Options{
		Doors: []ws.Door{"window", ws.DoorCookie, ws.DoorQuery}, SessionCookie: "a b", Hosts: []string{"https://x"}, Origins: []string{"*", "app.example.com"},
		TicketParameter: "Ticket", Subprotocols: []string{"a b", "ticket.x", "WSTICKET.v1", "app", "APP"}, MaxMessage: -1,
		AuthTimeout: -time.Second, Unauthenticated: -1,
	})
	if err == nil || handler != nil {
		t.Fatalf("New = %v, %v, want only an error", handler, err)
	}
	for _, want := range []string{
		"ws: redeemer: required", "ws: either endpoint or upstream: required",
		`ws: doors: must be query, subprotocol, header, cookie or first_message (got "window")`,
		"ws: doors: cookie needs sessions", "ws: sessions and session cookie go together", `ws: session cookie: must be a token (got "a b")`,
		`ws: origins: origin "*"`, `origin "app.example.com"`, `ws: hosts: host "https://x"`,
		`ws: ticket parameter:`, `(got "Ticket")`,
		`(got "a b")`, `(got "ticket.x")`, `(got "WSTICKET.v1")`, `(got "APP")`,
		"ws: max message: must be positive (got -1)", "ws: auth timeout: must be positive (got -1s)",
		"ws: unauthenticated: must be positive (got -1, 20 per address)",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not hold %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), `(got "app")`) {
		t.Errorf("the error blames what is right:\n%v", err)
	}
}

func TestNewNeedsSomebodyWhoCouldConnect(t *testing.T) {
	_, err := ws.New(ws.Options{Redeemer: redeemFunc(nil), Endpoint: ws.Echo})
	if err == nil || !strings.Contains(err.Error(), "nobody could connect") {
		t.Errorf("New without origins: %v, want an error", err)
	}
}

// A session counts from a page alone, so that a door for it without pages is a
// mistake.
func TestCookieDoorNeedsOrigins(t *testing.T) {
	_, err := ws.New(ws.Options{
		Redeemer: redeemFunc(nil), Endpoint: ws.Echo, AllowMissingOrigin: true, Sessions: fakeAuth{}, SessionCookie: "sid",
	})
	if err == nil || !strings.Contains(err.Error(), "cookie needs origins") {
		t.Errorf("New with sessions and without origins: %v, want an error", err)
	}
}

func TestTicketParameterNames(t *testing.T) {
	for name, want := range map[string]bool{
		"ticket": true, "token": true, "ws-ticket_2": true, "access_token": false, "Token": false, "a b": false, "a=": false, "ü": false,
	} {
		_, err := ws.New(ws.Options{Redeemer: redeemFunc(nil), Endpoint: ws.Echo, AllowMissingOrigin: true, TicketParameter: name})
		if (err == nil) != want {
			t.Errorf("parameter %q: %v, want accepted = %v", name, err, want)
		}
	}
}

// A caller who changes its slices later changes nothing here.
func TestNewKeepsItsOwnLists(t *testing.T) {
	doors, protocols := []ws.Door{ws.DoorQuery}, []string{"app.v1"}
	f := newFixture(t, func(o *ws.Options) { o.Doors, o.Subprotocols = doors, protocols })
	doors[0], protocols[0] = ws.DoorHeader, "other"
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, request("GET /ws?ticket="+token+" HTTP/1.1", "Sec-WebSocket-Protocol: app.v1"))
	if got.StatusCode != switching {
		t.Errorf("status %d, want 101", got.StatusCode)
	}
}
