package limit_test

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"wsticket/internal/limit"
	"wsticket/internal/test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests advance by hand.
type clock struct{ at time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

// limited returns a limiter and its clock.
func limited(events int, per time.Duration, bound int) (*clock, *limit.Limiter[string]) {
	c := newClock()
	return c, limit.New[string](limit.Rate{Events: events, Per: per}, bound, c.now)
}

func TestBurstThenTrickle(t *testing.T) {
	t.Parallel()
	c, l := limited(3, time.Second, 100)
	for i := range 3 {
		allowed(t, l, "a", "event "+strconv.Itoa(i)+" of the burst")
	}
	denied(t, l, "a", time.Second/3, "one more than the burst")
	denied(t, l, "a", time.Second/3, "what is refused is not counted")
	allowed(t, l, "b", "another key has a bucket of its own")
	c.advance(time.Second/3 - 1)
	denied(t, l, "a", 1, "a nanosecond too early")
	c.advance(1)
	allowed(t, l, "a", "at the very time that was announced")
	denied(t, l, "a", time.Second/3, "the trickle is one at a time")
	c.advance(time.Hour)
	for range 3 {
		allowed(t, l, "a", "a bucket holds no more than the burst, and that again")
	}
	denied(t, l, "a", time.Second/3, "one more than the burst, later")
}

func TestClockThatGoesBackOnlyDelays(t *testing.T) {
	t.Parallel()
	c, l := limited(1, time.Second, 100)
	allowed(t, l, "a", "first")
	c.advance(-time.Minute)
	denied(t, l, "a", time.Minute+time.Second, "a minute earlier")
}

func TestNilAndZeroAllowAll(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*limit.Limiter[string]{
		"nil":       nil,
		"zero rate": limit.New[string](limit.Rate{}, 10, nil),
		"no time":   limit.New[string](limit.Rate{Events: 1}, 10, nil),
		"no events": limit.New[string](limit.Rate{Per: time.Second}, 10, nil),
	} {
		for range 100 {
			allowed(t, l, "a", name)
		}
	}
}

// The interval between two events is never zero, which would be no limit.
func TestMoreEventsThanNanoseconds(t *testing.T) {
	t.Parallel()
	_, l := limited(5, 2, 10)
	for range 5 {
		allowed(t, l, "a", "burst")
	}
	denied(t, l, "a", 1, "one more")
}

// No key gets more than its rate in any window, whatever generations its bucket
// has passed through, as long as there are fewer keys than the bound.
func TestRateHoldsWithinTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		rate := limit.Rate{Events: rapid.IntRange(1, 5).Draw(t, "events"), Per: time.Second}
		l := limit.New[string](rate, 20, c.now)
		admitted := make(map[string][]time.Time)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			c.advance(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			key := strconv.Itoa(rapid.IntRange(0, 8).Draw(t, "key"))
			if _, ok := l.Allow(key); ok {
				admitted[key] = append(admitted[key], c.at)
			}
		}
		for key, times := range admitted {
			// A bucket may be full at the start of a window, which admits twice
			// the events in it, and never one more.
			for i := 2 * rate.Events; i < len(times); i++ {
				if span := times[i].Sub(times[i-2*rate.Events]); span < rate.Per {
					t.Fatalf("key %s: got %d events in %s, want at most %d in %s",
						key, 2*rate.Events+1, span, 2*rate.Events, rate.Per)
				}
			}
		}
	})
}

func TestKeysBeyondTheBoundAreForgotten(t *testing.T) {
	t.Parallel()
	_, l := limited(1, time.Hour, 4)
	allowed(t, l, "old", "first")
	denied(t, l, "old", time.Hour, "second")
	for i := range 4 {
		allowed(t, l, strconv.Itoa(i), "other keys")
	}
	allowed(t, l, "old", "four keys later the bound has pushed it out")
}

func TestZeroBoundAndDefaultClock(t *testing.T) {
	t.Parallel()
	l := limit.New[string](limit.Rate{Events: 1, Per: time.Hour}, 0, nil)
	allowed(t, l, "a", "first")
	if wait, ok := l.Allow("a"); ok || wait < 59*time.Minute {
		t.Errorf("second: got (%s, %t), want it refused for an hour", wait, ok)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	_, l := limited(50, time.Hour, 1000)
	var admitted atomic.Int64
	test.Together(t, 100, 100, func(int) error {
		if _, ok := l.Allow("a"); ok {
			admitted.Add(1)
		}
		return nil
	})
	if got := admitted.Load(); got != 50 {
		t.Errorf("got %d of 100 concurrent events admitted, want 50", got)
	}
}

func TestAddrKey(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":     "2001:db8:1:2::/64",
		"fe80::1%eth0":            "fe80::/64",
		"2001:db8:1:3:3:4:5:6":    "2001:db8:1:3::/64",
		"64:ff9b::192.0.2.1":      "64:ff9b::/64",
		"2002:c000:201:1:2:3:4:5": "2002:c000:201:1::/64",
	} {
		if got := limit.AddrKey(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	if got := limit.AddrKey(netip.Addr{}); got != "unknown" {
		t.Errorf("zero address: got %q, want \"unknown\"", got)
	}
}

func allowed(t *testing.T, l *limit.Limiter[string], key, rule string) {
	t.Helper()
	if wait, ok := l.Allow(key); !ok || wait != 0 {
		t.Errorf("%s: got refused for %s, want admitted", rule, wait)
	}
}

func denied(t *testing.T, l *limit.Limiter[string], key string, want time.Duration, rule string) {
	t.Helper()
	if wait, ok := l.Allow(key); ok || wait != want {
		t.Errorf("%s: got (%s, %t), want (%s, false)", rule, wait, ok, want)
	}
}

// A limiter that takes the place of another one knows how much of its burst a key has
// used.
func TestInherit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule       string
		before     limit.Rate
		used, left int
		after      limit.Rate
	}{
		{"the same rate", limit.Rate{Events: 10, Per: time.Hour}, 4, 6, limit.Rate{Events: 10, Per: time.Hour}},
		{"half as many", limit.Rate{Events: 10, Per: time.Hour}, 5, 2, limit.Rate{Events: 4, Per: time.Hour}},
		{"twice as many in less time", limit.Rate{Events: 10, Per: time.Hour}, 5, 10, limit.Rate{Events: 20, Per: time.Second}},
		{"all used", limit.Rate{Events: 3, Per: time.Second}, 3, 0, limit.Rate{Events: 100, Per: time.Hour}},
		{"none used", limit.Rate{Events: 3, Per: time.Second}, 0, 2, limit.Rate{Events: 2, Per: time.Hour}},
		{"there was no limit", limit.Rate{}, 5, 2, limit.Rate{Events: 2, Per: time.Hour}},
	} {
		c := newClock()
		before := limit.New[string](row.before, 10, c.now)
		for range row.used {
			allowed(t, before, "a", row.rule)
		}
		after := limit.New[string](row.after, 10, c.now)
		after.Inherit(before)
		left := 0
		for ; left < 1000; left++ {
			if _, ok := after.Allow("a"); !ok {
				break
			}
		}
		if left != row.left {
			t.Errorf("%s: %d are left, want %d", row.rule, left, row.left)
		}
		allowed(t, after, "b", row.rule+", another key")
	}
	var none *limit.Limiter[string]
	none.Inherit(limit.New[string](limit.Rate{Events: 1, Per: time.Hour}, 10, nil))
	allowed(t, none, "a", "no limit any more")
}
