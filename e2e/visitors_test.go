//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// TestVisitors lets each client connect in each way. The second use of a ticket is
// refused, and so are two explicit credentials, which does not spend the ticket.
func TestVisitors(t *testing.T) {
	idp := newIssuer(t)
	s := serve(t, idp.config(t, "memory:"), everyDoor()...)
	have := credentials{newClient(t), s, idp.bearer(t, "alice")}
	for _, v := range []visitor{coder(), gobwas(), npmWS(t), undici(t), python(t)} {
		t.Run(v.name, func(t *testing.T) {
			for _, w := range ways() {
				t.Run(w.name, func(t *testing.T) { visitTwice(t, v, w, have) })
			}
		})
	}
}

// visitTwice presents a credential together with another one, then alone, and again.
func visitTwice(t *testing.T, v visitor, w way, have credentials) {
	t.Helper()
	const text = "hello from a visitor"
	alone := w.order(have.url(), have.of(t, w))
	alone.Steps = append(alone.Steps, listen(), say(text), listen(), leave())
	admitted := append(slices.Clone(w.met), "message hello alice", "message "+text, "closed 1000")
	again := w.refused
	if w.bearer {
		again = admitted
	}
	if len(w.met) == 1 { // all of it is in the handshake
		got := v.mustVisit(t, beside(t, alone, have))
		two := []string{fmt.Sprint("refused ", http.StatusBadRequest)}
		if w.ambient {
			two = admitted
		}
		v.wantEvents(t, "two credentials", got[0], two...)
	}
	got := v.mustVisit(t, alone, alone)
	v.wantEvents(t, "one credential", got[0], admitted...)
	v.wantEvents(t, "the same again", got[1], again...)
}

// beside adds a second valid credential to an order, at another door.
func beside(t testing.TB, o order, have credentials) order {
	t.Helper()
	if len(o.Headers) > 0 {
		o.URL = throughQuery().order(o.URL, have.of(t, throughQuery())).URL
		return o
	}
	o.Headers = bearerInHeader().order(o.URL, have.bearer).Headers
	return o
}
