package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestFieldPaths: the paths that frameworks use reach the application unchanged,
// apart from the ticket.
func TestFieldPaths(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return // the library has answered
		}
		defer conn.CloseNow() //nolint:errcheck // The client leaves.
		if conn.Write(r.Context(), websocket.MessageText, []byte(r.RequestURI)) == nil {
			_, _, _ = conn.Read(r.Context())
		}
	}))
	t.Cleanup(application.Close)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "ws.upstream="+application.URL,
		"--set", "ws.path=/socket.io/, /ws/chat/{room}/, /socket/websocket, /cable")
	bearer := idp.bearer(t, "alice")
	for _, c := range fieldCases[string](t, "paths.json") {
		t.Run(c.Source, func(t *testing.T) {
			joint := "?"
			if strings.Contains(c.Input, "?") {
				joint = "&"
			}
			conn, res, err := websocket.Dial(t.Context(), "ws://"+p.public+c.Input+joint+"ticket="+issue(t, p.public, bearer).Ticket, nil)
			if res == nil || strconv.Itoa(res.StatusCode) != c.Want {
				t.Fatalf("%s: got %v, %v, want %s: %s", c.Input, res, err, c.Want, c.Why)
			}
			if err != nil {
				return
			}
			defer conn.CloseNow() //nolint:errcheck // The test is over.
			if _, got, err := conn.Read(t.Context()); err != nil || string(got) != c.Input {
				t.Errorf("%s: got %q at the application, %v: %s", c.Input, got, err, c.Why)
			}
		})
	}
}
