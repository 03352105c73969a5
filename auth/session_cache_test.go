package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// TestSessionCacheTime: an identity is remembered for 10 s, and never past the
// end of the session.
func TestSessionCacheTime(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	moving := func() time.Time { return now.Add(time.Duration(passed.Load())) }
	end := now.Add(15 * time.Second)
	a := newApplication(t, says(200, fmt.Sprintf(`{"sub":"u-1","exp":%d}`, end.Unix())))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.Now = moving })
	for _, row := range []struct {
		rule  string
		at    time.Duration
		asked int64
		want  string
	}{
		{"the first", 0, 1, "ok"},
		{"shortly before 10 s", 10*time.Second - 1, 1, "ok"},
		{"after 10 s", 10 * time.Second, 2, "ok"},
		{"shortly before the end", 15*time.Second - 1, 2, "ok"},
		{"at the end", 15 * time.Second, 3, "bearer_expired"},
		{"a clock that was set back", 5 * time.Second, 4, "ok"},
	} {
		passed.Store(int64(row.at))
		check(t, s, row.rule, cookie, row.want)
		if got := a.asked.Load(); got != row.asked {
			t.Errorf("%s: asked %d times, want %d", row.rule, got, row.asked)
		}
	}
}

// TestSessionEndsBeforeItsTime: a logout is noticed after 10 s at the latest, and
// so is an application that is down.
func TestSessionEndsBeforeItsTime(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, func(o *auth.SessionOptions) {
		o.Now = func() time.Time { return now.Add(time.Duration(passed.Load())) }
	})
	check(t, s, "before", cookie, "ok")
	a.answer.Store(says(401, ""))
	check(t, s, "within 10 s", cookie, "ok")
	passed.Store(int64(10 * time.Second))
	check(t, s, "after them", cookie, "session_refused")
	a.answer.Store(says(200, `{"sub":"u-1"}`))
	check(t, s, "signed in again with the same cookie", cookie, "ok")
	passed.Store(int64(20 * time.Second))
	a.answer.Store(says(503, ""))
	check(t, s, "the application is away", cookie, "session_status")
}

func TestSessionCacheBound(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.CacheSize = 10 })
	for n := range 100 {
		check(t, s, "one of many", fmt.Sprint("cookie-", n), "ok")
	}
	check(t, s, "the last", "cookie-99", "ok")
	if got := s.Stats(); got.CacheSize > 10 || got.CacheMisses != 100 || got.CacheHits != 1 {
		t.Errorf("got %+v, want 10 of 100 at most, and one hit", got)
	}
	none := a.sessions(t, func(o *auth.SessionOptions) { o.CacheSize = -1 })
	before := a.asked.Load()
	check(t, none, "without a cache", cookie, "ok")
	check(t, none, "without a cache, again", cookie, "ok")
	if got := a.asked.Load() - before; got != 2 {
		t.Errorf("without a cache: asked %d times, want 2", got)
	}
}

// held answers after release is closed.
func held(release <-chan struct{}, arrived chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
			says(200, `{"sub":"`+r.Header.Get("Cookie")[len("sid="):]+`"}`)(w, r)
		case <-r.Context().Done():
		}
	}
}

// TestSessionsShareALookup: of many callers at the same time one asks, each
// gets an identity of its own, and another cookie is another lookup.
func TestSessionsShareALookup(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 100)
	a := newApplication(t, held(release, arrived))
	s := a.sessions(t, nil)
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			cookie := fmt.Sprint("cookie-", n%2)
			if got := check(t, s, "together", cookie, "ok"); got.Subject != cookie {
				t.Errorf("got %q, want %q", got.Subject, cookie)
			}
		})
	}
	<-arrived
	<-arrived
	close(release)
	wg.Wait()
	if got := a.asked.Load(); got != 2 {
		t.Errorf("asked %d times, want once for each cookie", got)
	}
}

// TestSessionCallerLeaves: a first caller that gives up does not end the lookup
// for the others.
func TestSessionCallerLeaves(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 2)
	a := newApplication(t, held(release, arrived))
	s := a.sessions(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { // ends when its context does
		_, err := s.Authenticate(ctx, ticket.NewBearer(cookie))
		left <- err
	}()
	<-arrived
	stayed := make(chan ticket.Identity, 1)
	go func() { stayed <- check(t, s, "who stays", cookie, "ok") }() // ends with the answer
	leave()
	if err := <-left; ticket.Reason(err) != "session_unreachable" {
		t.Errorf("who left: got %v, want session_unreachable", err)
	}
	close(release)
	if got := <-stayed; got.Subject != cookie {
		t.Errorf("who stayed: got %q, want %q", got.Subject, cookie)
	}
	if got := a.asked.Load(); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}

// TestSessionLookupsAreBounded: 64 at the application, and a bound on those
// that wait for their turn, whose time runs out.
func TestSessionLookupsAreBounded(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 2000)
	a := newApplication(t, held(release, arrived))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.Timeout = time.Minute })
	reasons := make(chan string, 1100)
	for n := range 1100 {
		go func() { // ends with the answer
			_, err := client{s, fmt.Sprint("203.0.113.", n%100)}.Authenticate(t.Context(), ticket.NewBearer(fmt.Sprint("cookie-", n)))
			reasons <- ticket.Reason(err)
		}()
	}
	for range 64 {
		<-arrived
	}
	for range 1100 - 1024 {
		if got := <-reasons; got != "session_busy" {
			t.Errorf("one too many: got %s, want session_busy", got)
		}
	}
	if got := a.asked.Load(); got != 64 {
		t.Errorf("asked %d at once, want 64", got)
	}
	close(release)
	for range 1024 {
		if got := <-reasons; got != "ok" {
			t.Errorf("one that waited: got %s, want ok", got)
		}
	}
	if got := a.asked.Load(); got != 1024 {
		t.Errorf("asked %d times, want 1024", got)
	}
}

// TestSessionTurnTakesTooLong: waiting for a turn is part of the time-out.
func TestSessionTurnTakesTooLong(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 2000)
	a := newApplication(t, held(nil, arrived))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.Timeout = 500 * time.Millisecond })
	counts := make(map[string]int)
	reasons := make(chan string, 100)
	for n := range 100 {
		go func() { // ends with the time-out
			_, err := client{s, fmt.Sprint("203.0.113.", n%100)}.Authenticate(t.Context(), ticket.NewBearer(fmt.Sprint("cookie-", n)))
			reasons <- ticket.Reason(err)
		}()
	}
	for range 100 {
		counts[<-reasons]++
	}
	// A caller whose turn comes as the time runs out may get either.
	if counts["session_busy"]+counts["session_unreachable"] != 100 || counts["session_unreachable"] < 64 {
		t.Errorf("got %v, want 100 without an answer, 64 of whom had asked", counts)
	}
}

// TestSessionsClose: no lookup begins, and identities that are remembered are
// still returned.
func TestSessionsClose(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, nil)
	check(t, s, "before", cookie, "ok")
	s.Close()
	check(t, s, "remembered", cookie, "ok")
	check(t, s, "another", "other", "session_busy")
	s.Close()
}

// BenchmarkSession measures a session that is remembered, and one that is
// asked for each time, from a server in this process.
func BenchmarkSession(b *testing.B) {
	for name, size := range map[string]int{"cached": 0, "lookup": -1} {
		b.Run(name, func(b *testing.B) {
			a := newApplication(b, says(200, `{"sub":"u-1","claims":{"email":"a@example.com"}}`))
			s := a.sessions(b, func(o *auth.SessionOptions) { o.CacheSize = size })
			bearer := ticket.NewBearer(cookie)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Authenticate(b.Context(), bearer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSessionForget: what is forgotten is asked for again, and nothing else.
func TestSessionForget(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, nil)
	check(t, s, "the first", cookie, "ok")
	s.Forget(ticket.NewBearer("sid=another"))
	check(t, s, "another one is forgotten", cookie, "ok")
	if got := a.asked.Load(); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
	s.Forget(ticket.NewBearer("sid=" + cookie))
	check(t, s, "it is forgotten", cookie, "ok")
	if got := a.asked.Load(); got != 2 {
		t.Errorf("asked %d times, want twice", got)
	}
}
