package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"wsticket/ticket"
)

// attemptMutants are faults in the rule of retries.
func attemptMutants() []mutant {
	return []mutant{
		{"knows no attempts", "same attempt", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, _ time.Duration) (ticket.Entry, error) {
				return s.Consume(ctx, id, m, 0)
			}
		}},
		{"knows no end of the window", "same attempt too late", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, _ time.Duration) (ticket.Entry, error) {
				return s.Consume(ctx, id, m, 24*time.Hour)
			}
		}},
		{"has a window though there is none", "foreign attempt", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				return s.Consume(ctx, id, m, max(retry, time.Second))
			}
		}},
		{"shortens the names of attempts", "foreign attempt", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				m.Attempt = m.Attempt[:min(len(m.Attempt), 1)]
				return s.Consume(ctx, id, m, retry)
			}
		}},
		{"lets an earlier attempt in", "same attempt too early", func(s ticket.Store, b *broken) {
			b.consume = again(s, func(before, m ticket.Mark) bool {
				return before.State == ticket.Redeemed && before.Attempt == m.Attempt && m.At.Before(before.At)
			})
		}},
		{"takes the nameless for one attempt", "foreign attempt", func(s ticket.Store, b *broken) {
			b.consume = again(s, func(before, m ticket.Mark) bool {
				return before.State == ticket.Redeemed && before.Attempt == m.Attempt
			})
		}},
		{"lets a revoked attempt in", "foreign attempt", func(s ticket.Store, b *broken) {
			b.consume = again(s, func(before, m ticket.Mark) bool {
				return before.State == ticket.Revoked && before.Attempt == m.Attempt && m.State == ticket.Redeemed
			})
		}},
		{"lets a refused attempt in", "settled attempt", func(s ticket.Store, b *broken) {
			b.consume = again(s, func(before, m ticket.Mark) bool {
				return before.State == ticket.Refused && before.Attempt == m.Attempt
			})
		}},
		{"counts the window from the last time", "same attempt", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if err == nil && entry.Mark.State == ticket.Redeemed {
					_ = s.Settle(ctx, id, m)
				}
				return entry, err
			}
		}},
		{"takes a retry for a first time", "one attempt", func(s ticket.Store, b *broken) {
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				if err == nil {
					entry.Mark = ticket.Mark{State: ticket.Pending}
				}
				return entry, err
			}
		}},
		{"allows one retry alone", "one attempt", func(s ticket.Store, b *broken) {
			var mu sync.Mutex
			seen := map[ticket.ID]int{}
			b.consume = func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
				entry, err := s.Consume(ctx, id, m, retry)
				mu.Lock()
				defer mu.Unlock()
				if seen[id]++; err == nil && seen[id] > 2 {
					return ticket.Entry{}, &ticket.SpentError{Mark: entry.Mark}
				}
				return entry, err
			}
		}},
	}
}

// again is a Consume that admits also the spent tickets for which admits
// returns true.
func again(s ticket.Store, admits func(before, m ticket.Mark) bool) func(context.Context, ticket.ID, ticket.Mark, time.Duration) (ticket.Entry, error) {
	return func(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
		entry, err := s.Consume(ctx, id, m, retry)
		if spent, ok := errors.AsType[*ticket.SpentError](err); ok && admits(spent.Mark, m) {
			return s.Lookup(ctx, id)
		}
		return entry, err
	}
}
