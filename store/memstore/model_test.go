package memstore_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// model is the simplest possible store: a map that each call searches whole.
type model struct {
	now     time.Duration
	max     int
	tickets map[ticket.ID]modelTicket
}

type modelTicket struct {
	entry ticket.Entry
	end   time.Duration
}

func (m *model) advance(d time.Duration) {
	m.now += d
	for id, t := range m.tickets {
		if t.end <= m.now {
			delete(m.tickets, id)
		}
	}
}

func (m *model) create(id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	if len(m.tickets) >= m.max {
		return ticket.ErrFull
	}
	if _, taken := m.tickets[id]; taken {
		return ticket.ErrExists
	}
	m.tickets[id] = modelTicket{ticket.Entry{Record: rec, Mark: ticket.Mark{State: ticket.Pending}}, m.now + lifetime}
	return nil
}

// consume has the rule of retries too, written independently of the product.
func (m *model) consume(id ticket.ID, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	t, ok := m.tickets[id]
	if !ok {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	before := t.entry
	if before.Mark.State == ticket.Pending {
		t.entry.Mark, t.end = mark, m.now+fixture.Retention
		m.tickets[id] = t
		return before, nil
	}
	both := before.Mark.State == ticket.Redeemed && mark.State == ticket.Redeemed
	named := mark.Attempt != "" && mark.Attempt == before.Mark.Attempt
	earliest, latest := before.Mark.At.Add(-time.Second), before.Mark.At.Add(retry)
	inTime := retry > 0 && !mark.At.Before(earliest) && !mark.At.After(latest)
	if both && named && inTime {
		return before, nil
	}
	return ticket.Entry{}, &ticket.SpentError{Mark: before.Mark}
}

func (m *model) settle(id ticket.ID, mark ticket.Mark) error {
	t, ok := m.tickets[id]
	if !ok || t.entry.Mark.State == ticket.Pending {
		return ticket.ErrNotFound
	}
	t.entry.Mark = mark
	m.tickets[id] = t
	return nil
}

func (m *model) lookup(id ticket.ID) (ticket.Entry, error) {
	t, ok := m.tickets[id]
	if !ok {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	return t.entry, nil
}

// TestModel runs random histories against a store and the model. Few IDs, a
// small bound and long steps of the clock make collisions likely.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := &clock{}
		want := &model{max: 5, tickets: make(map[ticket.ID]modelTicket)}
		got, err := memstore.New(memstore.Options{MaxTickets: want.max, Retention: fixture.Retention, Now: c.now})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = got.Close() }()
		ids := rapid.SampledFrom([]ticket.ID{"a", "b", "c", "d", "e", "f", "g"})
		ctx := t.Context()
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				id, rec, life := ids.Draw(rt, "id"), drawRecord(rt), drawTime(rt, "lifetime")
				same(rt, nil, nil, got.Create(ctx, id, rec, life), want.create(id, rec, life))
			},
			"consume": func(rt *rapid.T) {
				id, mark, window := ids.Draw(rt, "id"), drawMark(rt), drawWindow(rt)
				a, errA := got.Consume(ctx, id, mark, window)
				b, errB := want.consume(id, mark, window)
				same(rt, a, b, errA, errB)
			},
			"settle": func(rt *rapid.T) {
				id, mark := ids.Draw(rt, "id"), drawMark(rt)
				same(rt, nil, nil, got.Settle(ctx, id, mark), want.settle(id, mark))
			},
			"lookup": func(rt *rapid.T) {
				id := ids.Draw(rt, "id")
				a, errA := got.Lookup(ctx, id)
				b, errB := want.lookup(id)
				same(rt, a, b, errA, errB)
			},
			"advance": func(rt *rapid.T) {
				d := drawTime(rt, "advance")
				c.advance(d)
				want.advance(d)
			},
		})
	})
}

// same compares the answers of two stores: the values, the sentinel, and the
// mark of a SpentError.
func same(rt *rapid.T, got, want any, gotErr, wantErr error) {
	rt.Helper()
	if !reflect.DeepEqual(got, want) {
		rt.Fatalf("got %+v, want %+v", got, want)
	}
	spent, ok := errors.AsType[*ticket.SpentError](wantErr)
	if !ok {
		if !errors.Is(gotErr, wantErr) {
			rt.Fatalf("got error %v, want %v", gotErr, wantErr)
		}
		return
	}
	told, ok := errors.AsType[*ticket.SpentError](gotErr)
	if !ok || !reflect.DeepEqual(told.Mark, spent.Mark) {
		rt.Fatalf("got error %v, want %v", gotErr, wantErr)
	}
}

func drawTime(rt *rapid.T, label string) time.Duration {
	return time.Duration(rapid.IntRange(1, 40).Draw(rt, label)) * time.Second
}

// drawWindow draws from the distances that two marks often have.
func drawWindow(rt *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(-1, 3).Draw(rt, "window")) * time.Second
}

func drawInstant(rt *rapid.T, label string) time.Time {
	return time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(rt, label)).UTC()
}

func drawRecord(rt *rapid.T) ticket.Record {
	return ticket.Record{
		IssuedAt: drawInstant(rt, "issued at"), ExpiresAt: drawInstant(rt, "expires at"),
		Owner:   ticket.Owner{rapid.Byte().Draw(rt, "owner")},
		Payload: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "payload"),
	}
}

func drawMark(rt *rapid.T) ticket.Mark {
	return ticket.Mark{
		State: rapid.SampledFrom([]ticket.State{ticket.Redeemed, ticket.Refused, ticket.Revoked}).Draw(rt, "state"),
		// Few instants and attempts, so that there are retries.
		At: time.UnixMilli(1000 * rapid.Int64Range(0, 5).Draw(rt, "at")).UTC(),
		Attempt: rapid.OneOf(
			rapid.SampledFrom([]string{"", "a", "b"}), rapid.StringN(0, 16, ticket.MaxAttempt),
		).Draw(rt, "attempt"),
		Reason: rapid.SampledFrom([]string{"", "expired", "wrong_origin"}).Draw(rt, "reason"),
	}
}
