package gate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"wsticket/gate"
	"wsticket/ticket"
)

// A program that upgrades WebSockets with a library of its own asks the gate
// before it does.
func Example() {
	judge, err := gate.New(gate.Options{
		Redeemer: redeemed{}, // a *ticket.Service
		Origins:  []string{"https://app.example.com"},
	})
	if err != nil {
		panic(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handshake := judge.Received(r)
		handshake.Choose = func(o gate.Offer) (string, error) { return o.Choose(nil) }
		candidate, err := judge.Check(r.Context(), handshake)
		var grant ticket.Grant
		if err == nil {
			grant, err = judge.Admit(r.Context(), candidate)
		}
		if err != nil {
			gate.Refusals().Of(err).Write(w)
			return
		}
		_, _ = fmt.Fprintln(w, "upgrade for", grant.Identity.Subject)
	})
	for _, origin := range []string{"https://app.example.com", "https://evil.example"} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/ws?ticket="+wellFormed, http.NoBody)
		r.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {origin},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 upgrade for alice
	//
	// 403 {"type":"about:blank","title":"This origin is not allowed","status":403,"code":"origin_not_allowed"}
}
