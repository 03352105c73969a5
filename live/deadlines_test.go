package live_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// notified is a peer that takes messages.
type notified struct {
	*peer
	mu    sync.Mutex
	texts []string
	at    []time.Time
}

func (n *notified) Notify(text []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts, n.at = append(n.texts, string(text)), append(n.at, time.Now())
}

// heard returns the messages, and when they came.
func (n *notified) heard() ([]string, []time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.texts), slices.Clone(n.at)
}

// until adds a connection that ends at a time.
func (b *bench) until(t testing.TB, id ticket.ID, at time.Time) *peer {
	t.Helper()
	p := &peer{polite: true, Connection: &live.Connection{
		Grant:        ticket.Grant{ID: id, Identity: test.Alice(), ConnectionExpiresAt: at},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery},
	}}
	if err := b.Add(context.Background(), p.Connection); err != nil {
		t.Fatal(err)
	}
	return p
}

// Each connection ends at its own deadline, in whatever order they came, and one
// without a deadline stays.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{})
		start := time.Now()
		lifetimes := make([]time.Duration, 500)
		peers := make([]*peer, len(lifetimes))
		for i := range lifetimes {
			lifetimes[i] = time.Duration(1000+i*7_919_999%3600_000) * time.Millisecond
		}
		for i, lifetime := range lifetimes {
			peers[i] = b.until(t, ticket.ID(fmt.Sprint(i)), start.Add(lifetime))
			peers[i].Attach(peers[i])
		}
		for i := range peers {
			if i%5 == 0 { // it leaves before its time
				peers[i].leave(1000)
			}
		}
		forever := b.until(t, "forever", time.Time{})
		forever.Attach(forever)
		<-time.After(2 * time.Hour)
		for i, p := range peers {
			switch got := p.endings(); {
			case i%5 == 0 && len(got) > 0:
				t.Errorf("one that had left: ended with %v", got)
			case i%5 == 0:
			case !slices.Equal(got, []ticket.Ending{ticket.EndExpired}), p.when().Sub(start) < lifetimes[i], p.when().Sub(start) > lifetimes[i]+100*time.Millisecond:
				t.Errorf("one of %s: ended with %v after %s", lifetimes[i], got, p.when().Sub(start))
			}
		}
		if got := forever.endings(); len(got) != 0 || b.Stats().Deadlines != 0 {
			t.Errorf("ended with %v, %+v, want one that stays", got, b.Stats())
		}
		forever.leave(1000)
	})
}

// A connection whose time is over before it can be closed is closed as soon as it can.
func TestDeadlineBeforeAttach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{})
		late, over := b.until(t, "late", time.Now().Add(time.Second)), b.until(t, "over", time.Now().Add(-time.Hour))
		<-time.After(2 * time.Second)
		for _, p := range []*peer{late, over} {
			p.Attach(p)
			if got := p.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndExpired}) {
				t.Errorf("ended with %v, want %v", got, ticket.EndExpired)
			}
		}
	})
}

// skewed is a wall clock that can be set, and jumps ahead as if the machine had slept.
type skewed struct {
	mu sync.Mutex
	by time.Duration
}

func (s *skewed) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.by)
}

func (s *skewed) jump(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by += by
}

// A machine that slept ends what is over within a second; a clock that is set back
// extends nothing.
func TestDeadlinesAndClocks(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		jumps []time.Duration // one each minute
		ends  time.Duration   // of a connection of an hour
	}{
		"no jump":                      {nil, time.Hour},
		"slept":                        {[]time.Duration{2 * time.Hour}, time.Minute},
		"slept, but not until its end": {[]time.Duration{30 * time.Minute}, 30 * time.Minute},
		"set back":                     {[]time.Duration{-24 * time.Hour}, time.Hour},
		"set back and forth":           {[]time.Duration{-24 * time.Hour, 24 * time.Hour}, time.Hour},
		"set forth and back":           {[]time.Duration{50 * time.Minute, -50 * time.Minute}, 10 * time.Minute},
		"far ahead":                    {[]time.Duration{200 * 365 * 24 * time.Hour}, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock := &skewed{}
			b := newBench(t, live.Options{Now: clock.now})
			start := time.Now()
			p := b.until(t, "one", start.Add(time.Hour))
			p.Attach(p)
			never := b.until(t, "never", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
			for _, by := range row.jumps {
				<-time.After(time.Minute)
				clock.jump(by)
			}
			<-time.After(2 * time.Hour)
			if took := p.when().Sub(start); took < row.ends || took > row.ends+1100*time.Millisecond {
				t.Errorf("%s: it ended after %s, want %s and at most a second more", rule, took, row.ends)
			}
			never.leave(1000)
		})
	}
}

// A connection that begins after a jump has its whole time.
func TestDeadlineAfterJump(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			clock := &skewed{}
			b := newBench(t, live.Options{Now: clock.now})
			clock.jump(by)
			start := time.Now()
			p := b.until(t, "one", clock.now().Add(time.Minute))
			p.Attach(p)
			<-time.After(2 * time.Minute)
			if took := p.when().Sub(start); took != time.Minute {
				t.Errorf("after a jump of %s it ended after %s, want a minute", by, took)
			}
		})
	}
}

// The notice comes once for each deadline: in time, at once if there is less time than
// that, and when the connection can take it.
func TestExpiryNotice(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct{ lifetime, attach, notice time.Duration }{
		"in time":            {time.Hour, 0, time.Hour - 30*time.Second},
		"a short life":       {10 * time.Second, 0, 0},
		"not attached early": {time.Minute, 40 * time.Second, 40 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, live.Options{ExpiryNotice: 30 * time.Second})
			start := time.Now()
			n := &notified{peer: b.until(t, "one", start.Add(row.lifetime))}
			<-time.After(row.attach)
			n.Attach(n)
			<-time.After(2 * time.Hour)
			want := fmt.Sprintf(`{"type":"auth_expiring","expiresAt":%q}`, start.Add(row.lifetime).UTC().Format(time.RFC3339))
			texts, at := n.heard()
			if !slices.Equal(texts, []string{want}) || at[0].Sub(start) != row.notice {
				t.Errorf("%s: got %q at %v, want %s after %s", rule, texts, at, want, row.notice)
			}
			if got := n.when().Sub(start); got != row.lifetime {
				t.Errorf("%s: it ended after %s, want %s", rule, got, row.lifetime)
			}
		})
	}
}

// Who is being closed gets no notice, and who takes none is none the worse.
func TestNoNotice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{ExpiryNotice: 30 * time.Second})
		closing := &notified{peer: b.until(t, "closing", time.Now().Add(time.Minute))}
		closing.polite = false
		closing.Attach(closing)
		closing.Connection.End(ticket.EndDraining)
		deaf := b.until(t, "deaf", time.Now().Add(time.Minute))
		deaf.Attach(deaf)
		<-time.After(2 * time.Minute)
		if texts, _ := closing.heard(); len(texts) != 0 {
			t.Errorf("got %q, want no notice", texts)
		}
		if got := closing.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndDraining}) {
			t.Errorf("ended with %v, want the first ending alone", got)
		}
		if got := deaf.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndExpired}) {
			t.Errorf("ended with %v, want %v", got, ticket.EndExpired)
		}
		closing.leave(1001)
	})
}

func TestExpiryNoticeFaults(t *testing.T) {
	t.Parallel()
	for _, notice := range []time.Duration{-1, time.Hour + 1} {
		if _, err := live.New(live.Options{ExpiryNotice: notice}); err == nil {
			t.Errorf("%s: got no fault", notice)
		}
	}
}
