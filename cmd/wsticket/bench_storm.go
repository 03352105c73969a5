package main

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// The storms by name, in the order in which they run.
const (
	stormIssue   = "issue"
	stormRedeem  = "redeem"
	stormConnect = "connect"
)

const (
	// stockTime is for how long at most tickets are issued before they are
	// redeemed, and stockAge for how long after its beginning they are used:
	// they may live for no more than five seconds.
	stockTime = 500 * time.Millisecond
	stockAge  = 3 * time.Second
	// maxStock bounds the tickets that are held, some 2 MiB.
	maxStock = 1 << 14

	// faultPause follows a request that got no answer: a server that is away
	// is not asked as fast as this machine can be refused.
	faultPause = 20 * time.Millisecond
)

// bench is a server and its callers.
type bench struct {
	callers  []*caller
	duration time.Duration // of each storm
	count    int64         // requests of each storm; 0 for as many as there is time for
	warmUp   time.Duration
	meter    meter
	progress progress
}

// bound is what a storm may take: so many requests, 0 for any number, and so
// long.
type bound struct {
	count    int64
	duration time.Duration
}

// budget is what is left of a bound. It is safe for concurrent use.
type budget struct {
	left  atomic.Int64
	until time.Time
}

// begin starts the clock.
func (of bound) begin() *budget {
	b := &budget{until: time.Now().Add(of.duration)}
	if of.count == 0 {
		of.count = math.MaxInt64
	}
	b.left.Store(of.count)
	return b
}

// open tells whether there is anything left.
func (b *budget) open() bool { return b.left.Load() > 0 && time.Now().Before(b.until) }

// take takes one request away, where there is one left.
func (b *budget) take() bool {
	if !time.Now().Before(b.until) {
		return false
	}
	if b.left.Add(-1) < 0 {
		b.give()
		return false
	}
	return true
}

// give gives back what was taken and not used.
func (b *budget) give() { b.left.Add(1) }

// goal is what progress is compared with.
func (b *bench) goal() string {
	if b.count > 0 {
		return grouped(b.count)
	}
	return b.duration.String()
}

// run makes one storm: a warm-up that nobody counts, and what is measured. It
// returns early, with what there is, when ctx ends.
func (b *bench) run(ctx context.Context, name string) *tally {
	defer b.close()
	if b.warmUp > 0 {
		warming := new(tally)
		stop := b.progress.follow(name+" (warm-up)", b.warmUp.String(), warming)
		b.storm(ctx, name, bound{0, b.warmUp}, warming, unmetered)
		stop()
	}
	counted := new(tally)
	defer b.progress.follow(name, b.goal(), counted)()
	b.storm(ctx, name, bound{b.count, b.duration}, counted, b.meter)
	return counted
}

// close ends the connections that callers have kept.
func (b *bench) close() {
	for _, c := range b.callers {
		c.close()
	}
}

func (b *bench) storm(ctx context.Context, name string, to bound, into *tally, read meter) {
	request := (*caller).timeIssue
	switch name {
	case stormRedeem:
		b.redeemStorm(ctx, to, into, read)
		return
	case stormConnect:
		request = (*caller).timeConnect
	}
	into.measure(ctx, read, func() {
		b.each(ctx, to.begin().take, func(c *caller) error {
			took, err := request(c, ctx)
			return into.add(ctx, took, err)
		})
	})
}

// redeemStorm issues a stock of tickets, measures their redemption, and does
// so again until the budget is used up.
func (b *bench) redeemStorm(ctx context.Context, to bound, into *tally, read meter) {
	left := to.begin()
	for ctx.Err() == nil && left.open() {
		s := b.stock(ctx, left, into)
		if len(s.where) == 0 {
			continue
		}
		into.measure(ctx, read, func() {
			b.each(ctx, func() bool { return s.open() && left.take() }, func(c *caller) error {
				where, ok := s.take()
				if !ok {
					left.give() // another caller had the last one
					return nil
				}
				took, err := c.timeRedeem(ctx, where)
				return into.add(ctx, took, err)
			})
		})
	}
}

// stock is a number of tickets that are good for a while.
type stock struct {
	where []string // where to present each
	next  atomic.Int64
	until time.Time
}

func (s *stock) open() bool {
	return s.next.Load() < int64(len(s.where)) && time.Now().Before(s.until)
}

func (s *stock) take() (string, bool) {
	n := s.next.Add(1) - 1
	if n >= int64(len(s.where)) {
		return "", false
	}
	return s.where[n], true
}

// stock issues as many tickets as the budget asks for and time allows. What
// fails there is no failed redemption, but noted: a storm without tickets
// would not tell why.
func (b *bench) stock(ctx context.Context, left *budget, into *tally) *stock {
	s := &stock{until: time.Now().Add(stockAge)}
	wanted := bound{min(left.left.Load(), maxStock), min(stockTime, b.duration/4)}.begin()
	var mu sync.Mutex
	b.each(ctx, wanted.take, func(c *caller) error {
		where, err := c.obtain(ctx)
		if err != nil {
			if ctx.Err() == nil {
				into.note((&stepError{"issue", err}).Error())
			}
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		s.where = append(s.where, where)
		return nil
	})
	return s
}

// each has every caller do one thing after the other for as long as more says
// so, and returns when all have ended.
func (b *bench) each(ctx context.Context, more func() bool, do func(*caller) error) {
	var all sync.WaitGroup
	for _, c := range b.callers {
		all.Go(func() {
			for ctx.Err() == nil && more() {
				if err := do(c); err != nil && !isAnswer(err) {
					rest(ctx, faultPause)
				}
			}
		})
	}
	all.Wait()
}

// rest returns after d, or when ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// timeIssue times POST /ws-ticket on a connection that is open already.
func (c *caller) timeIssue(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	_, err := c.issue(ctx)
	return time.Since(begin), err
}

// timeRedeem times a handshake from connecting to the 101.
func (c *caller) timeRedeem(ctx context.Context, where string) (time.Duration, error) {
	begin := time.Now()
	opened, err := c.handshake(ctx, where)
	took := time.Since(begin)
	if err == nil {
		opened.leave()
	}
	return took, err
}

// timeConnect times the whole walk of a client: a ticket, a handshake, and the
// application's greeting.
func (c *caller) timeConnect(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	where, err := c.obtain(ctx)
	if err != nil {
		return 0, &stepError{"issue", err}
	}
	opened, err := c.handshake(ctx, where)
	if err != nil {
		return 0, err
	}
	defer opened.leave()
	if err := opened.greeting(); err != nil {
		return 0, &stepError{"greeting", err}
	}
	return time.Since(begin), nil
}
