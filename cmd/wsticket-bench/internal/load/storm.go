package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"wsticket/internal/pause"
)

const (
	// stockTime bounds how long tickets are issued before they are redeemed,
	// and stockAge how long after the first one they are used: they may live
	// for only five seconds.
	stockTime = 500 * time.Millisecond
	stockAge  = 3 * time.Second
	// maxStock bounds the tickets that are held, about 2 MiB.
	maxStock = 1 << 14

	// faultPause follows a request without an answer, so that a server that is
	// down is not called as fast as this machine can be refused.
	faultPause = 20 * time.Millisecond
)

// storm makes one storm within the bounds and counts into t.
func (g *Generator) storm(ctx context.Context, name string, within bounds, t *tally, server Meter) {
	if name == Redeem {
		g.redeemStorm(ctx, within, t, server)
		return
	}
	request := (*caller).timeIssue
	if name == Connect {
		request = (*caller).timeConnect
	}
	t.measure(ctx, server, func() {
		g.each(ctx, within.start().take, func(c *caller) error {
			took, err := request(c, ctx)
			return t.add(ctx, took, err)
		})
	})
}

// redeemStorm issues a stock of tickets, measures their redemption, and repeats
// that until the quota is used up.
func (g *Generator) redeemStorm(ctx context.Context, within bounds, t *tally, server Meter) {
	left := within.start()
	for ctx.Err() == nil && left.open() {
		s := g.fill(ctx, left, t)
		if len(s.tickets) == 0 {
			continue
		}
		t.measure(ctx, server, func() {
			g.each(ctx, func() bool { return s.open() && left.take() }, func(c *caller) error {
				where, ok := s.take()
				if !ok {
					left.give() // another caller had the last one
					return nil
				}
				took, err := c.timeRedeem(ctx, where)
				return t.add(ctx, took, err)
			})
		})
	}
}

// stock is a number of tickets that are good for a while.
type stock struct {
	tickets []string // where to present each
	next    atomic.Int64
	until   time.Time
}

func (s *stock) open() bool {
	return s.next.Load() < int64(len(s.tickets)) && time.Now().Before(s.until)
}

func (s *stock) take() (string, bool) {
	n := s.next.Add(1) - 1
	if n >= int64(len(s.tickets)) {
		return "", false
	}
	return s.tickets[n], true
}

// fill issues as many tickets as the quota asks for and time allows. A failure
// is not a failed redemption, but it is noted: a report of a storm without
// tickets has to say why there were none.
func (g *Generator) fill(ctx context.Context, left *quota, t *tally) *stock {
	s := &stock{until: time.Now().Add(stockAge)}
	wanted := bounds{min(left.left.Load(), maxStock), min(stockTime, g.options.Duration/4)}.start()
	var mu sync.Mutex
	g.each(ctx, wanted.take, func(c *caller) error {
		where, err := c.obtain(ctx)
		if err != nil {
			if ctx.Err() == nil {
				t.note((&stepError{"issue", err}).Error())
			}
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		s.tickets = append(s.tickets, where)
		return nil
	})
	return s
}

// each makes every caller call do repeatedly while more reports true, and
// returns when all callers have ended.
func (g *Generator) each(ctx context.Context, more func() bool, do func(*caller) error) {
	var all sync.WaitGroup
	for _, c := range g.callers {
		all.Go(func() {
			for ctx.Err() == nil && more() {
				if err := do(c); err != nil && !isAnswer(err) {
					pause.For(ctx, faultPause)
				}
			}
		})
	}
	all.Wait()
}
