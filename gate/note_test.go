package gate_test

import (
	"context"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// noting is a judge that keeps notes.
type noting struct {
	*judge
	notes   []string
	blocked chan struct{} // nil: notes are kept at once
	began   chan struct{}
}

// Note implements [gate.Noter].
func (n *noting) Note(ctx context.Context, token ticket.Token, err error) {
	if n.blocked != nil {
		n.began <- struct{}{}
		select {
		case <-n.blocked:
		case <-ctx.Done():
		}
		return
	}
	n.notes = append(n.notes, string(token.ID())+" "+ticket.Reason(err))
}

func newNoting(t *testing.T) (n *noting, j *judge) {
	t.Helper()
	n = &noting{}
	j = newJudge(t, func(o *gate.Options) {
		n.judge, _ = o.Redeemer.(*judge)
		o.Redeemer = n
	})
	return n, j
}

// TestNotes: a ticket that is refused for its origin is left alone, and its owner
// is told. Nothing else is worth a note.
func TestNotes(t *testing.T) {
	t.Parallel()
	const foreign = "Origin: https://evil.example"
	for _, row := range []struct {
		rule, request string
		want          int
	}{
		{"a foreign page", test.Handshake(query, foreign), 1},
		{"among the subprotocols", test.Handshake(plain, foreign, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"), 1},
		{"no ticket", test.Handshake(plain, foreign), 0},
		{"a bearer", test.Handshake(plain, foreign, "Authorization: Bearer "+goodBearer), 0},
		{"something that is no ticket", test.Handshake("GET /ws?ticket=x HTTP/1.1", foreign), 0},
		{"two tickets", test.Handshake("GET /ws?ticket=$T&ticket=$T HTTP/1.1", foreign), 0},
		{"another host", test.Handshake(query, "Host: evil.example"), 0},
		{"a good page", test.Handshake(query, "Origin: "+appOrigin), 0},
	} {
		n, j := newNoting(t)
		_, _, _ = j.judge(t, row.request)
		if len(n.notes) != row.want {
			t.Errorf("%s: got notes %q, want %d", row.rule, n.notes, row.want)
		}
		if len(n.notes) > 0 && (n.notes[0] != string(mustID(t))+" origin_not_allowed" || j.spent > 0) {
			t.Errorf("%s: got %q and %d spent, want the reason and none", row.rule, n.notes, j.spent)
		}
		if len(n.notes) > 0 {
			if e := j.events.Last(1)[0]; e.TicketID != mustID(t) {
				t.Errorf("%s: the event names the ticket %q", row.rule, e.TicketID)
			}
		}
	}
}

func mustID(t *testing.T) ticket.ID {
	t.Helper()
	token, err := ticket.ParseToken(wellFormed)
	if err != nil {
		t.Fatal(err)
	}
	return token.ID()
}

// TestNotesAreBounded: strangers do not keep the store busy.
func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	n, j := newNoting(t)
	n.blocked, n.began = make(chan struct{}), make(chan struct{})
	token, err := ticket.ParseToken(wellFormed)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	const most = 8
	for range most {
		go func() {
			j.Note(t.Context(), token, gate.ErrOrigin)
			done <- struct{}{}
		}()
		<-n.began
	}
	j.Note(t.Context(), token, gate.ErrOrigin) // returns at once
	close(n.blocked)
	for range most {
		<-done
	}
}

// TestNotesOfOneClientAreBounded: its handshakes are refused for their origin before
// its limit is asked, and each note costs the store work.
func TestNotesOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	n := &noting{}
	j := newJudge(t, func(o *gate.Options) {
		n.judge, _ = o.Redeemer.(*judge)
		o.Redeemer, o.Now = n, func() time.Time { return now }
	})
	for range 100 {
		_, _, _ = j.judge(t, test.Handshake(query, "Origin: https://evil.example"))
	}
	if len(n.notes) != 5 {
		t.Errorf("got %d notes of 100 handshakes in one second, want 5", len(n.notes))
	}
}
