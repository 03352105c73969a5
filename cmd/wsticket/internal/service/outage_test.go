package service

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
)

// failing returns a real error of a kind: that of a store that is not there.
func failing(t *testing.T, url string) error {
	t.Helper()
	store, err := redisstore.Open(url, redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	return store.Ping(t.Context())
}

// TestStoreWatch: one warning when an outage begins and one when it ends.
func TestStoreWatch(t *testing.T) {
	refused := failing(t, "redis://"+testenv.FreeAddr(t))
	denied := failing(t, "redis://u:p@"+testenv.Redis(t).Addr())
	synctest.Test(t, func(t *testing.T) {
		var out test.Output
		var answer atomic.Pointer[error]
		answer.Store(new(error))
		w := newStoreWatch(func(context.Context) error { return *answer.Load() }, slog.New(slog.NewTextHandler(&out, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.run(ctx) // ends with ctx
		lines := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(out.String(), "\n"); got != want {
				t.Errorf("%s: %d lines, want %d:\n%s", when, got, want, out.String())
			}
		}
		lines("a store that is well", 0)
		if w.current() != (storeState{since: time.Now()}) {
			t.Errorf("state = %+v, want it well since now", w.current())
		}
		w.note(refused)
		<-time.After(lookPause)
		lines("one lost connection", 0)

		answer.Store(&refused)
		<-time.After(watchInterval)
		lines("a store that is away, without a request", 1)
		if !strings.Contains(out.String(), `msg="the store does not answer" cause="connection refused"`) {
			t.Errorf("got %s", out.String())
		}
		<-time.After(time.Minute)
		lines("a minute later", 1)
		answer.Store(&denied)
		<-time.After(outageInterval)
		lines("another cause is no other outage", 1)
		if got := w.current().cause; got != storeCause(denied) {
			t.Errorf("the cause is %q, want the present one", got)
		}
		answer.Store(new(error))
		<-time.After(2 * outageInterval)
		lines("it is back", 2)
		if !strings.Contains(out.String(), `msg="the store answers again" after=1m`) {
			t.Errorf("got %s", out.String())
		}

		<-time.After(lookPause)
		w.note(denied)
		lines("a store that answers and refuses to work", 3)
		<-time.After(time.Minute)
		lines("works again", 4)
	})
}

// TestStoreWatchUnderLoad: a store that comes and goes is one outage, and failures
// are not as many questions.
func TestStoreWatchUnderLoad(t *testing.T) {
	refused := failing(t, "redis://"+testenv.FreeAddr(t))
	synctest.Test(t, func(t *testing.T) {
		var out test.Output
		var asked atomic.Int32
		start := time.Now()
		w := newStoreWatch(func(context.Context) error {
			asked.Add(1)
			if since := time.Since(start); since < time.Minute && since/time.Second%2 == 0 {
				return refused
			}
			return nil
		}, slog.New(slog.NewTextHandler(&out, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.run(ctx) // ends with ctx
		for range 60_000 {
			<-time.After(time.Millisecond)
			w.note(refused)
		}
		if got, most := int(asked.Load()), int(time.Minute/lookPause)+1; got > most {
			t.Errorf("asked %d times in a minute, want at most %d", got, most)
		}
		<-time.After(watchInterval)
		synctest.Wait()
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("%d lines, want one outage:\n%s", got, out.String())
		}
	})
}
