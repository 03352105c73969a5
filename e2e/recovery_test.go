//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
)

const (
	// callers is the number of concurrent requests, more than there are connections
	// to Redis.
	callers = 64
	// promised limits the wait of a caller while Redis is gone, backWithin the time
	// until tickets work after Redis has come back.
	promised   = 500 * time.Millisecond
	backWithin = time.Second
	// busy is the factor for a machine that is busy with other things.
	busy = 2
)

// site is one server with one Redis, and a client with a bearer.
type site struct {
	redis  *testenv.RedisServer
	server server
	client *client
	bearer string
}

func newSite(t *testing.T) site {
	t.Helper()
	redis, idp := testenv.Redis(t), newIssuer(t)
	return site{redis, serve(t, idp.config(t, redis.URL())), newClient(t), idp.bearer(t, "alice")}
}

// crowd sends requests of all callers at once: half of them ask for a ticket, half of
// them present one. All must get the same answer. It returns the longest wait.
func (s site) crowd(t *testing.T, what, token string, want answer) time.Duration {
	t.Helper()
	type result struct {
		answer answer
		err    error
		took   time.Duration
	}
	results := make([]result, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			r, start := &results[i], time.Now()
			if i%2 == 0 {
				_, r.answer, r.err = s.client.issue(t.Context(), s.server, s.bearer)
			} else {
				r.answer, r.err = connect(t.Context(), s.server, doorQuery, token)
			}
			r.took = time.Since(start)
		})
	}
	all.Wait()
	var longest time.Duration
	for _, r := range results {
		if r.err != nil || !r.answer.is(want) {
			t.Errorf("%s: got %v, %v; want %v", what, r.answer, r.err, want)
		}
		longest = max(longest, r.took)
	}
	return longest
}

// works reports whether a ticket can be issued and redeemed.
func (s site) works(ctx context.Context) bool {
	got, _, err := s.client.issue(ctx, s.server, s.bearer)
	if err != nil || got.Token == "" {
		return false
	}
	a, err := connect(ctx, s.server, doorQuery, got.Token)
	return err == nil && a.is(admitted)
}

func (s site) ready(t *testing.T) int {
	t.Helper()
	got, err := s.client.send(t.Context(), http.MethodGet, "http://"+s.server.internal+"/readyz", "")
	if err != nil {
		t.Fatal(err)
	}
	return got.status
}

// awaitWork waits until tickets work and returns how long that took.
func (s site) awaitWork(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	test.Wait(t, "tickets work again", func() bool { return s.works(t.Context()) })
	return time.Since(start)
}

func TestRedisIsKilledAndRestarted(t *testing.T) {
	s := newSite(t)
	open := s.client.mustIssue(t, s.server, s.bearer)
	s.redis.Kill()
	// Long enough for a client library to give up, if it did.
	for range 3 {
		took := s.crowd(t, "while Redis is gone", open.Token, unavailable)
		t.Logf("gone: %d callers have their answer within %v", callers, took.Round(time.Millisecond))
		if took > busy*promised {
			t.Errorf("a caller waits for %v, want at most %v", took, promised)
		}
	}
	if got := s.ready(t); got != http.StatusOK {
		t.Errorf("/readyz: got %d, want 200: it is so for every process", got)
	}
	s.redis.Restart()
	took := s.awaitWork(t)
	t.Logf("back: tickets work %v after Redis answers", took.Round(time.Millisecond))
	if took > backWithin {
		t.Errorf("tickets work %v after Redis is back, want at most %v", took, backWithin)
	}
	if got := s.ready(t); got != http.StatusOK {
		t.Errorf("/readyz: got %d, want 200", got)
	}
	wantConnect(t, "a ticket from before", s.server, doorQuery, open.Token, refused)
}

func TestRedisIsFrozen(t *testing.T) {
	s := newSite(t)
	open := s.client.mustIssue(t, s.server, s.bearer)
	s.redis.Freeze()
	took := s.crowd(t, "while Redis is frozen", open.Token, unavailable)
	t.Logf("frozen: %d callers have their answer within %v", callers, took.Round(time.Millisecond))
	if took > busy*promised {
		t.Errorf("a caller waits for %v, want at most %v", took, promised)
	}
	s.redis.Thaw()
	took = s.awaitWork(t)
	t.Logf("thawed: tickets work after %v", took.Round(time.Millisecond))
	if took > backWithin {
		t.Errorf("tickets work %v after Redis is back, want at most %v", took, backWithin)
	}
}

func TestRedisIsFlushed(t *testing.T) {
	s := newSite(t)
	open := make(map[door]issued)
	for _, d := range []door{doorQuery, doorSubprotocol, doorHeader} {
		open[d] = s.client.mustIssue(t, s.server, s.bearer)
	}
	s.redis.MustAsk("flushall")
	for d, got := range open {
		wantConnect(t, string(d)+" after FLUSHALL", s.server, d, got.Token, refused)
	}
	if !s.works(t.Context()) {
		t.Error("a new ticket does not work")
	}
}

// TestForeignRecords replaces the record of a ticket by what an intruder could write
// to Redis. The ticket is refused like any invalid one, and logged as corrupt once.
func TestForeignRecords(t *testing.T) {
	s := newSite(t)
	value := func(id string) string {
		t.Helper()
		return fmt.Sprint(s.redis.MustAsk("get", redisstore.DefaultPrefix+id))
	}
	other := s.client.mustIssue(t, s.server, s.bearer)
	cut := func(n int) func(string, string) string { return func(v, _ string) string { return v[:n] } }
	tests := []struct {
		rule string
		// forge returns what replaces the value; nil: a list does.
		forge func(value, id string) string
	}{
		{"the record of another ticket", func(string, string) string { return value(other.ID) }},
		{"written by hand", func(string, string) string { return `{"iss":"` + issuerName + `","sub":"admin"}` }},
		{"written by hand behind a header that is right", func(v, id string) string {
			return v[:strings.Index(v, id)] + id + "\x01" + `{"i":"` + issuerName + `","s":"admin"}`
		}},
		{"one bit changed", func(v, _ string) string { return v[:len(v)-20] + string([]byte{v[len(v)-20] ^ 1}) + v[len(v)-19:] }},
		{"one byte more", func(v, _ string) string { return v + "\x00" }},
		{"of another version", func(v, _ string) string { return "\x7f" + v[1:] }},
		{"truncated by a byte", func(v, _ string) string { return v[:len(v)-1] }},
		{"truncated to its header", cut(64)},
		{"truncated inside its header", cut(20)},
		{"truncated to one byte", cut(1)},
		{"empty", cut(0)},
		{"a list", nil},
	}
	shown := make(map[string]string) // rules by ticket ID
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := s.client.mustIssue(t, s.server, s.bearer)
			shown[got.ID] = tt.rule
			key := redisstore.DefaultPrefix + got.ID
			if tt.forge != nil {
				s.redis.MustAsk("set", key, tt.forge(value(got.ID), got.ID), "keepttl")
			} else {
				s.redis.MustAsk("del", key)
				s.redis.MustAsk("rpush", key, "an element")
			}
			wantConnect(t, "the ticket", s.server, doorQuery, got.Token, refused)
		})
	}
	wantConnect(t, "the other ticket", s.server, doorQuery, other.Token, admitted)
	s.server.stop(t)
	log := s.server.log.String()
	for id, rule := range shown {
		if got := handshakeReasons(log, id); len(got) != 1 || got[0] != "corrupt" {
			t.Errorf("%s: the log has the reasons %q, want corrupt once", rule, got)
		}
	}
	if strings.Contains(log, "panic") {
		t.Errorf("the log has a panic:\n%s", tail(log))
	}
}

// handshakeReasons returns the reasons in the log for the handshakes with a ticket.
func handshakeReasons(log, id string) []string {
	var reasons []string
	for line := range strings.Lines(log) {
		var entry struct {
			Door, Reason string
			TicketID     string `json:"ticket_id"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.TicketID == id && entry.Door != "" {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}
