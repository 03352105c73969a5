//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
)

// way is a kind of credential and its door.
type way struct {
	name string
	// bearer: it is not a ticket, so it may be presented again.
	bearer bool
	// ambient: browsers send it by themselves, so it does not count beside another
	// credential.
	ambient bool
	// order returns the handshake and, for the first message, the steps until it is
	// answered.
	order func(url, credential string) order
	// met are the events before the application has the connection.
	met []string
	// refused are the events for a spent ticket.
	refused []string
}

// The ways to connect.
func throughQuery() way {
	return way{name: "ticket in the query", met: []string{"open"}, refused: unauthorized(), order: func(url, credential string) order {
		return order{URL: url + "?ticket=" + credential}
	}}
}

func throughSubprotocol() way {
	return way{name: "ticket in the subprotocol", met: []string{"open wsticket.v1"}, refused: unauthorized(), order: func(url, credential string) order {
		return order{URL: url, Protocols: []string{"wsticket.v1", "ticket." + credential}}
	}}
}

func throughHeader() way {
	return way{name: "ticket in the header", met: []string{"open"}, refused: unauthorized(), order: func(url, credential string) order {
		return order{URL: url, Headers: map[string]string{"Authorization": "Ticket " + credential}}
	}}
}

func throughFirstMessage() way {
	return way{
		name: "ticket in the first message", met: []string{"open", "message auth_ok alice"},
		refused: []string{"open", "message auth_fail invalid_ticket", "closed 4001 Authentication failed"},
		order: func(url, credential string) order {
			text := fmt.Sprintf(`{"type":"auth","token":%q}`, credential)
			return order{URL: url, Steps: []step{say(text), listen()}}
		},
	}
}

func bearerInHeader() way {
	return way{name: "bearer in the header", bearer: true, met: []string{"open"}, order: func(url, credential string) order {
		return order{URL: url, Headers: map[string]string{"Authorization": "Bearer " + credential}}
	}}
}

func bearerInFirstMessage() way {
	w := throughFirstMessage()
	w.name, w.bearer = "bearer in the first message", true
	return w
}

func bearerInCookie() way {
	return way{name: "bearer in the session cookie", bearer: true, ambient: true, met: []string{"open"}, order: func(url, credential string) order {
		return order{URL: url, Headers: map[string]string{"Cookie": cookieName + "=" + credential, "Origin": pageOrigin}}
	}}
}

// unauthorized are the events of a refusal before the upgrade.
func unauthorized() []string { return []string{fmt.Sprint("refused ", http.StatusUnauthorized)} }

// cookieName is the name of the session cookie.
const cookieName = "__Host-session"

// ways returns all ways, and everyDoor the settings that allow them.
func ways() []way {
	return []way{
		throughQuery(), throughSubprotocol(), throughHeader(), throughFirstMessage(),
		bearerInHeader(), bearerInFirstMessage(), bearerInCookie(),
	}
}

func everyDoor() []string {
	return []string{"ws.doors=query, subprotocol, header, cookie, first_message", "session.cookie=" + cookieName, "session.jwt=true"}
}

// credentials provides tickets and a bearer of alice.
type credentials struct {
	client *client
	server server
	bearer string
}

func (c credentials) of(t testing.TB, w way) string {
	t.Helper()
	if w.bearer {
		return c.bearer
	}
	return c.client.mustIssue(t, c.server, c.bearer).Token
}

// url returns the URL to connect to.
func (c credentials) url() string { return "ws://" + c.server.public + "/ws" }
