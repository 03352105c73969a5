package ws_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/coder/websocket"

	"wsticket/ticket"
)

// closeCodes reads testdata/vectors/close_codes.json: what clients know.
func closeCodes(t *testing.T) (rows []struct {
	Code           uint16
	Reason, Action string
},
) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/close_codes.json")
	if err != nil {
		t.Fatal(err)
	}
	file := struct{ Codes any }{&rows}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return rows
}

// Every row has a code and a reason that a Close frame can contain, and an
// action, and occurs once. Every ending of package ticket is one of them.
func TestCloseCodeVectors(t *testing.T) {
	actions := []string{"reconnect", "backoff", "retry", "refresh", "sign_in", "stop"}
	known := make(map[uint16]string)
	for _, row := range closeCodes(t) {
		if _, twice := known[row.Code]; twice || !slices.Contains(actions, row.Action) {
			t.Errorf("%+v: want a code once, and an action of %q", row, actions)
		}
		known[row.Code] = row.Reason
		_, got := open(t, func(context.Context, *websocket.Conn, ticket.Grant) error {
			return websocket.CloseError{Code: websocket.StatusCode(row.Code), Reason: row.Reason}
		})
		if code, reason := got.readClose(t); code != int(row.Code) || reason != row.Reason {
			t.Errorf("sent %d %q, want %d %q", code, reason, row.Code, row.Reason)
		}
		_ = got.conn.Close()
	}
	for _, e := range []ticket.Ending{
		ticket.EndDraining, ticket.EndIdle, ticket.EndProtocolError, ticket.EndNotUTF8, ticket.EndPolicy, ticket.EndReplaced, ticket.EndTooBig,
		ticket.EndInternal, ticket.EndOverload, ticket.EndUpstreamFailed, ticket.EndAuthFailed, ticket.EndAuthTimeout, ticket.EndExpired,
		ticket.EndRevoked, ticket.EndRecheck, ticket.EndTooMany, ticket.EndDisplaced,
	} {
		if reason, ok := known[e.Code]; !ok || reason != e.Reason && e != ticket.EndIdle && e != ticket.EndRecheck && e.Code != 4001 {
			t.Errorf("ending %+v is not among the vectors, which have the reason %q", e, reason)
		}
	}
}
