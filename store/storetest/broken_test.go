package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// broken is a good store with one operation replaced by a bad one.
type broken struct {
	ticket.Store
	create  func(context.Context, ticket.ID, ticket.Record, time.Duration) error
	consume func(context.Context, ticket.ID, ticket.Mark, time.Duration) (ticket.Entry, error)
	settle  func(context.Context, ticket.ID, ticket.Mark) error
	lookup  func(context.Context, ticket.ID) (ticket.Entry, error)
}

func (b *broken) Create(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
	if b.create != nil {
		return b.create(ctx, id, rec, d)
	}
	return b.Store.Create(ctx, id, rec, d)
}

func (b *broken) Consume(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	if b.consume != nil {
		return b.consume(ctx, id, m, retry)
	}
	return b.Store.Consume(ctx, id, m, retry)
}

func (b *broken) Settle(ctx context.Context, id ticket.ID, m ticket.Mark) error {
	if b.settle != nil {
		return b.settle(ctx, id, m)
	}
	return b.Store.Settle(ctx, id, m)
}

func (b *broken) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	if b.lookup != nil {
		return b.lookup(ctx, id)
	}
	return b.Store.Lookup(ctx, id)
}

// mutant is a fault that a store may have, and the case that must notice it.
type mutant struct {
	name, noticedBy string
	spoil           func(s ticket.Store, b *broken)
}

func mutants() []mutant {
	return []mutant{
		{"looks first and consumes then", "one winner", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Lookup(ctx, id)
				if err != nil || entry.Mark.State != ticket.Pending {
					return s.Consume(ctx, id, m, retry)
				}
				runtime.Gosched()
				_, _ = s.Consume(ctx, id, m, retry)
				return entry, nil
			}
		}},
		{"gives the record with the error", "first mark stays", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				if entry, err := s.Lookup(ctx, id); err == nil && entry.Mark.State != ticket.Pending {
					return entry, nil
				}
				return s.Consume(ctx, id, m, retry)
			}
		}},
		{"does not say who was first", "one winner", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if errors.Is(err, ticket.ErrSpent) {
					err = ticket.ErrSpent
				}
				return entry, err
			}
		}},
		{"lets the last one mark", "first mark stays", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if err != nil {
					_ = s.Settle(ctx, id, m)
				}
				return entry, err
			}
		}},
		{"says that a spent one is unknown", "create twice", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if err != nil {
					err = ticket.ErrNotFound
				}
				return entry, err
			}
		}},
		{"gives out what has expired", "consume expired", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if errors.Is(err, ticket.ErrExpired) {
					return s.Lookup(ctx, id)
				}
				return entry, err
			}
		}},
		{"forgets that it has expired", "expired is kept", func(s ticket.Store, b *broken) {
			b.lookup = func(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
				entry, err := s.Lookup(ctx, id)
				entry.Expired = false
				return entry, err
			}
		}},
		{"takes a revoked one for a redeemed one", "revoked", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				m.State = ticket.Redeemed
				return s.Consume(ctx, id, m, retry)
			}
		}},
		{"keeps times to the second", "mark", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				m.At = m.At.Truncate(time.Second)
				return s.Consume(ctx, id, m, retry)
			}
		}},
		{"forgets the owner", "record", func(s ticket.Store, b *broken) {
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				rec.Owner = ticket.Owner{}
				return s.Create(ctx, id, rec, d)
			}
		}},
		{"keeps the caller's slice", "payload is no alias", func(s ticket.Store, b *broken) {
			kept := map[ticket.ID][]byte{}
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				kept[id] = rec.Payload
				return s.Create(ctx, id, rec, d)
			}
			b.lookup = func(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
				entry, err := s.Lookup(ctx, id)
				entry.Record.Payload = kept[id]
				return entry, err
			}
		}},
		{"lets tickets live on", "consume expired", func(s ticket.Store, b *broken) {
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				return s.Create(ctx, id, rec, d+time.Second)
			}
		}},
		{"lets tickets die early", "consume expired", func(s ticket.Store, b *broken) {
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				return s.Create(ctx, id, rec, d-margin)
			}
		}},
		{"lets the second creator succeed", "one creator", func(s ticket.Store, b *broken) {
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				if err := s.Create(ctx, id, rec, d); !errors.Is(err, ticket.ErrExists) {
					return err
				}
				return nil
			}
		}},
		{"refuses nonsense by another error", "create nonsense", func(s ticket.Store, b *broken) {
			b.create = func(ctx context.Context, id ticket.ID, rec ticket.Record, d time.Duration) error {
				if d <= 0 {
					return ticket.ErrExpired
				}
				return s.Create(ctx, id, rec, d)
			}
		}},
		{"spends at a lookup", "lookup", func(s ticket.Store, b *broken) {
			b.lookup = func(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
				entry, err := s.Lookup(ctx, id)
				_, _ = s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
				return entry, err
			}
		}},
		{"settles a live one", "settle live", func(s ticket.Store, b *broken) {
			b.settle = func(ctx context.Context, id ticket.ID, m ticket.Mark) error {
				_, _ = s.Consume(ctx, id, m, fixture.Retry)
				return s.Settle(ctx, id, m)
			}
		}},
		{"settles nothing", "settle", func(_ ticket.Store, b *broken) {
			b.settle = func(context.Context, ticket.ID, ticket.Mark) error { return nil }
		}},
		{"takes any mark", "mark nonsense", func(s ticket.Store, b *broken) {
			b.settle = func(ctx context.Context, id ticket.ID, m ticket.Mark) error {
				if err := s.Settle(ctx, id, m); !errors.Is(err, ticket.ErrInvalidRequest) {
					return err
				}
				return nil
			}
		}},
		{"takes a cancelled call for absence", "canceled", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				if ctx.Err() != nil {
					return ticket.Entry{}, ticket.ErrNotFound
				}
				return s.Consume(ctx, id, m, retry)
			}
		}},
		{"ignores cancellation", "canceled", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				return s.Consume(context.WithoutCancel(ctx), id, m, retry)
			}
		}},
	}
}

// memory is a good subject whose clock the case moves.
func memory(tb testing.TB, kept, claimed time.Duration) Subject {
	tb.Helper()
	var past atomic.Int64
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	m, err := memstore.New(memstore.Options{
		Retention: kept,
		Now:       func() time.Time { return start.Add(time.Duration(past.Load())) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = m.Close() })
	return Subject{Store: m, Twin: m, Retention: claimed, Advance: func(d time.Duration) { past.Add(int64(d)) }}
}

func TestSuitePassesAGoodStore(t *testing.T) {
	Run(t, func(tb testing.TB) Subject { return memory(tb, time.Minute, time.Minute) })
}

// Each case is worth what it notices.
func TestSuiteNoticesBrokenStores(t *testing.T) {
	for _, m := range append(mutants(), attemptMutants()...) {
		t.Run(m.name, func(t *testing.T) {
			s := memory(t, time.Minute, time.Minute)
			b := &broken{Store: s.Store}
			m.spoil(s.Store, b)
			s.Store, s.Twin = b, b
			wantNoticed(t, m.noticedBy, s)
		})
	}
	t.Run("keeps marks too long", func(t *testing.T) {
		wantNoticed(t, "retention", memory(t, time.Minute+2*margin, time.Minute))
	})
	t.Run("keeps marks too short a time", func(t *testing.T) {
		wantNoticed(t, "retention", memory(t, time.Minute-margin, time.Minute))
	})
}

func wantNoticed(t *testing.T, by string, s Subject) {
	t.Helper()
	for _, c := range cases() {
		if c.name == by {
			if !fails(t, c, s) {
				t.Errorf("the case %q lets it pass", by)
			}
			return
		}
	}
	t.Fatalf("there is no case %q", by)
}

// fails runs a case apart from the test itself and reports whether it failed.
func fails(t *testing.T, c testCase, s Subject) bool {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends the goroutine that calls it.
		defer close(done)
		c.run(r, s)
	}()
	<-done
	return r.failed.Load()
}

// recorder keeps the failures of a case from the test that runs it.
type recorder struct {
	testing.TB
	failed atomic.Bool
}

func (r *recorder) Errorf(string, ...any) { r.failed.Store(true) }
func (r *recorder) Error(...any)          { r.failed.Store(true) }

func (r *recorder) Fatalf(string, ...any) {
	r.failed.Store(true)
	runtime.Goexit()
}
