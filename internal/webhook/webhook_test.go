package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/webhook"
)

const secret = "whsec-0123456789abcdef0123456789abcdef"

// receiver answers the requests of a Hook inside of a bubble.
type receiver struct {
	answer func(n int) (status int, err error) // of the request n, from 0

	mu       sync.Mutex
	requests []request
}

type request struct {
	at        time.Time
	signature string
	body      string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	n := len(r.requests)
	r.requests = append(r.requests, request{time.Now(), req.Header.Get(webhook.SignatureHeader), string(body)})
	r.mu.Unlock()
	status, err := http.StatusNoContent, error(nil)
	if r.answer != nil {
		status, err = r.answer(n)
	}
	if err == nil {
		err = req.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: req}, err
}

// batch is a body.
type batch struct {
	ID     string `json:"id"`
	Events []int  `json:"events"`
}

func (r *receiver) batches(t *testing.T) []batch {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]batch, len(r.requests))
	for i, req := range r.requests {
		if err := json.Unmarshal([]byte(req.body), &all[i]); err != nil || all[i].ID == "" {
			t.Fatalf("got the body %s: %v", req.body, err)
		}
		if want := webhook.Sign([]byte(secret), req.at, []byte(req.body)); req.signature != want {
			t.Errorf("got the signature %s, want %s", req.signature, want)
		}
	}
	return all
}

func newHook(r *receiver) *webhook.Hook {
	return webhook.New(webhook.Options{URL: "https://hooks.example/x", Secret: []byte(secret), Client: &http.Client{Transport: r}})
}

func send(h *webhook.Hook, from, to int) {
	for n := from; n < to; n++ {
		h.Send([]byte(strconv.Itoa(n)))
	}
}

// The vector of docs/webhook.md, for those who write a receiver.
func TestSignature(t *testing.T) {
	t.Parallel()
	got := webhook.Sign([]byte("0123456789abcdef0123456789abcdef"), time.Unix(1767225600, 0), []byte(`{"id":"A","events":[]}`))
	const want = "t=1767225600,v1=f6c5e76039a9603f710db93fb2a7ccaf61ff1108b48b6e83ce52062a25303f2c"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		h := newHook(r)
		go h.Run(t.Context())
		send(h, 0, 3)
		synctest.Wait()
		if got := r.batches(t); len(got) != 0 {
			t.Errorf("sent %v at once", got)
		}
		<-time.After(time.Second) // in a bubble, where it takes no time
		synctest.Wait()
		if got := r.batches(t); len(got) != 1 || len(got[0].Events) != 3 {
			t.Errorf("after a second: sent %v, want three events", got)
		}
		send(h, 0, 2*webhook.MaxBatch)
		synctest.Wait()
		if got := r.batches(t); len(got) != 3 || len(got[1].Events) != webhook.MaxBatch || got[1].ID == got[2].ID {
			t.Errorf("of two full batches: sent %v", got)
		}
		if got, want := h.Stats(), (webhook.Stats{Sent: 3 + 2*webhook.MaxBatch}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// A receiver that fails gets the same batch again, signed with the time of then.
func TestRetries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule     string
		failures int
		status   int
		err      error
		sent     uint64
	}{
		{"an error of the receiver", 2, 500, nil, 2},
		{"a receiver that refuses", 3, 401, nil, 2},
		{"a redirect, which is not followed", 1, 302, nil, 2},
		{"no connection", webhook.Attempts - 1, 0, errors.New("gone"), 2},
		{"more failures than attempts", webhook.Attempts, 503, nil, 1},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: func(n int) (int, error) {
					if n < row.failures {
						return row.status, row.err
					}
					return http.StatusOK, nil
				}}
				h := newHook(r)
				go h.Run(t.Context())
				send(h, 0, 1)
				<-time.After(2 * time.Minute) // in a bubble, where it takes no time
				send(h, 1, 2)
				<-time.After(2 * time.Minute) // in a bubble, where it takes no time
				synctest.Wait()
				got := r.batches(t)
				for i := 1; i < row.failures; i++ {
					if got[i].ID != got[0].ID || !r.requests[i].at.After(r.requests[i-1].at) {
						t.Errorf("attempt %d is %v at %s", i, got[i], r.requests[i].at)
					}
				}
				if stats := h.Stats(); stats.Sent != row.sent || stats.Dropped != 2-row.sent {
					t.Errorf("got %+v, want %d sent", stats, row.sent)
				}
			})
		})
	}
}

// A receiver that is away costs a bounded queue, and nobody waits for it.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHook(&receiver{})
		send(h, 0, webhook.MaxQueue+5)
		h.Send([]byte(`"` + strings.Repeat("x", webhook.MaxEvent) + `"`))
		if got := h.Stats(); got.Dropped != 6 {
			t.Errorf("got %+v, want 6 dropped", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.Run(ctx)
		send(h, 0, 1)
		if got, want := h.Stats(), (webhook.Stats{Sent: webhook.MaxQueue, Dropped: 7}); got != want {
			t.Errorf("after Run has ended: got %+v, want %+v", got, want)
		}
	})
}

// Run sends what waits when it has to end, but not for ever.
func TestFlush(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answer func(int) (int, error)
		sent   uint64
	}{
		"a receiver that takes it": {nil, 3 * webhook.MaxBatch},
		"one that refuses it":      {func(int) (int, error) { return 500, nil }, 0},
		"one that is slow": {func(int) (int, error) {
			<-time.After(4 * time.Second) // in a bubble, where it takes no time
			return 200, nil
		}, webhook.MaxBatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: row.answer}
				h := newHook(r)
				send(h, 0, 3*webhook.MaxBatch)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				h.Run(ctx)
				if got := h.Stats(); got.Sent != row.sent || got.Sent+got.Dropped != 3*webhook.MaxBatch {
					t.Errorf("got %+v, want %d sent", got, row.sent)
				}
			})
		})
	}
}

// The end of Run cuts the pause between two attempts.
func TestEndWhileRetrying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int) (int, error) { return map[bool]int{true: 500, false: 200}[n < 4], nil }}
		h := newHook(r)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.Run(ctx) }()
		send(h, 0, 1)
		for len(r.batches(t)) < 4 {
			<-time.After(100 * time.Millisecond) // in a bubble, where it takes no time
		}
		before := time.Now()
		cancel()
		<-done
		if got := h.Stats(); got.Sent != 1 || time.Since(before) != 0 {
			t.Errorf("got %+v after %s, want one more attempt at once", got, time.Since(before))
		}
	})
}

// The client of its own asks no address that URL may not have.
func TestClient(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("Content-Type") + " " + string(body)
	}))
	defer server.Close()
	run := func(o webhook.Options) webhook.Stats {
		h := webhook.New(o)
		send(h, 7, 8)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.Run(ctx)
		return h.Stats()
	}
	o := webhook.Options{URL: server.URL, Secret: []byte(secret), AllowPrivate: true}
	if stats := run(o); stats.Sent != 1 {
		t.Errorf("got %+v, want one sent", stats)
	}
	if body := <-got; !strings.HasPrefix(body, "application/json {") || !strings.HasSuffix(body, `"events":[7]}`) {
		t.Errorf("got %s", body)
	}
	// localhost is a name, so that only the dialer sees that it is private.
	o.URL, o.AllowPrivate = "https://localhost"+server.URL[strings.LastIndex(server.URL, ":"):], false
	if stats := run(o); stats.Dropped != 1 {
		t.Errorf("a name of a private address: got %+v, want one dropped", stats)
	}
}

func TestReadSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		secret: secret, " " + secret + "\r\n": secret, "hunter2\n": "", "\n": "", strings.Repeat(" ", 40): "",
	} {
		got, err := webhook.ReadSecret(test.WriteFile(t, "webhook.key", text))
		if string(got) != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	if _, err := webhook.ReadSecret("/gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got %v", err)
	}
}

// Another secret signs what is sent from then on.
func TestSetSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		h := newHook(r)
		go h.Run(t.Context())
		next := []byte("another secret of at least 32 bytes")
		h.SetSecret(next)
		send(h, 0, 1)
		<-time.After(2 * time.Second)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.requests) != 1 || r.requests[0].signature != webhook.Sign(next, r.requests[0].at, []byte(r.requests[0].body)) {
			t.Errorf("got %+v, want one that is signed with the new secret", r.requests)
		}
	})
}
