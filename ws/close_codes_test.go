package ws_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ws"
)

// closeCode is a row of testdata/vectors/close_codes.json.
type closeCode struct {
	Code   int
	Reason string
	Action string
}

func closeCodes(t *testing.T) map[int]closeCode {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/close_codes.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Codes []closeCode }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	rows := make(map[int]closeCode)
	for _, row := range file.Codes {
		if _, twice := rows[row.Code]; twice {
			t.Errorf("close code %d stands there twice", row.Code)
		}
		rows[row.Code] = row
	}
	return rows
}

// Every row is one that a close frame can hold and a client can act on.
func TestCloseCodeVectors(t *testing.T) {
	actions := []string{"reconnect", "backoff", "retry", "refresh", "sign_in", "stop"}
	rows := closeCodes(t)
	if len(rows) != 12 {
		t.Errorf("%d close codes, want the 11 of the protocol and 1002", len(rows))
	}
	for code, row := range rows {
		if !slices.Contains(actions, row.Action) {
			t.Errorf("%d: action %q, want one of %q", code, row.Action, actions)
		}
		_, got := open(t, func(context.Context, *websocket.Conn, ticket.Grant) error {
			return websocket.CloseError{Code: websocket.StatusCode(code), Reason: row.Reason}
		})
		if sent, reason := got.readClose(t); sent != code || reason != row.Reason {
			t.Errorf("sent %d %q, want %d %q", sent, reason, code, row.Reason)
		}
		_ = got.conn.Close()
	}
}

// What this package sends by itself is in the vectors, with that reason.
func TestOwnCloseCodesAreInTheVectors(t *testing.T) {
	rows := closeCodes(t)
	for _, tt := range []struct {
		code     int
		endpoint ws.Endpoint
		message  string
	}{
		{1011, func(context.Context, *websocket.Conn, ticket.Grant) error { return errors.New("any") }, ""},
		{1007, ws.Echo, frame(opText, "\xff")},
	} {
		_, got := open(t, tt.endpoint)
		_, _ = got.conn.Write([]byte(tt.message))
		if code, reason := got.readClose(t); code != tt.code || reason != rows[code].Reason {
			t.Errorf("sent %d %q, want %d %q", code, reason, tt.code, rows[tt.code].Reason)
		}
		_ = got.conn.Close()
	}
}
