//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
)

// way is a credential together with the door that it goes through.
type way struct {
	name string
	// bearer: it is not a ticket, and so may be shown again.
	bearer bool
	// order is its handshake, and for the first message the steps until it is
	// answered.
	order func(url, credential string) order
	// met is what happens before the application has the connection.
	met []string
	// refused is what happens to a ticket that is spent.
	refused []string
}

// The ways in.
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
	return way{name: "bearer in the session cookie", bearer: true, met: []string{"open"}, order: func(url, credential string) order {
		return order{URL: url, Headers: map[string]string{"Cookie": cookieName + "=" + credential, "Origin": pageOrigin}}
	}}
}

// unauthorized is what a client sees of a refusal before the upgrade.
func unauthorized() []string { return []string{fmt.Sprint("refused ", http.StatusUnauthorized)} }

// cookieName is that of the session cookie.
const cookieName = "__Host-session"

// ways are all of them, and everyDoor the settings by which they are open.
func ways() []way {
	return []way{
		throughQuery(), throughSubprotocol(), throughHeader(), throughFirstMessage(),
		bearerInHeader(), bearerInFirstMessage(), bearerInCookie(),
	}
}

func everyDoor() []string {
	return []string{"ws.doors=query, subprotocol, header, cookie, first_message", "session.cookie=" + cookieName, "session.jwt=true"}
}

// credentials gets tickets, or bearers, for alice.
type credentials struct {
	t      testing.TB
	client *client
	server server
	bearer string
}

func (c credentials) of(w way) string {
	c.t.Helper()
	if w.bearer {
		return c.bearer
	}
	return c.client.mustIssue(c.t, c.server, c.bearer).Token
}

// url is where to connect.
func (c credentials) url() string { return "ws://" + c.server.public + "/ws" }
