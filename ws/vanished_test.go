package ws_test

import (
	"io"
	"testing"

	"wsticket/ticket"
)

// An application that goes away without a Close frame is a broken connection, 1006. While
// this process leaves it has stopped for the same reason: its client is told to connect
// elsewhere.
func TestUpstreamVanishes(t *testing.T) {
	t.Parallel()
	f := relayed(t, newUpstream(t), nil)
	broken, leaving := f.connect(t), f.connect(t)
	vanish := func(a answer) {
		a.echoes(t, "hello")
		if _, err := io.WriteString(a.conn, frame(opText, "vanish")); err != nil {
			t.Fatal(err)
		}
	}
	vanish(broken)
	if rest, err := io.ReadAll(broken.rest); err != nil || len(rest) > 0 {
		t.Errorf("before: got %q, %v, want the end and no Close frame", rest, err)
	}
	_ = broken.conn.Close()
	f.disconnected(t, 1006)
	f.live.Leave()
	vanish(leaving)
	if code, reason := leaving.readClose(t); code != 1001 || reason != ticket.EndDraining.Reason {
		t.Errorf("while leaving: closed with %d %q, want 1001 %q", code, reason, ticket.EndDraining.Reason)
	}
	f.disconnected(t, 1001)
}
