// Package webhook posts events to another service: in batches, signed, with
// retries, and without ever holding up the one who reports an event. It knows
// nothing of what is in an event.
//
// The body of a request is {"id": "…", "events": […]}. A batch that is sent again
// has the same id. Its header Wsticket-Signature is "t=<unix time>,v1=<hex>",
// where the hex is the HMAC-SHA-256 over the time, a dot and the body. Any 2xx is
// an acknowledgment.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/pause"
	"wsticket/internal/keyfile"
)

// The bounds of a [Hook].
const (
	// MaxQueue is how many events wait at most. One more is dropped.
	MaxQueue = 4096
	// MaxEvent is the largest event in bytes. A larger one is dropped.
	MaxEvent = 8 << 10
	// MaxBatch is how many events a request has at most.
	MaxBatch = 100
	// Attempts is how often a batch is sent before it is dropped.
	Attempts = 6

	// linger is how long the first event of a batch waits for others.
	linger = time.Second
	// firstPause is the pause after the first failure, which doubles with each.
	// Between a half of it and all of it is waited.
	firstPause = time.Second
	// requestTimeout bounds a request with its answer.
	requestTimeout = 10 * time.Second
	// flushTimeout bounds what is still sent when the context of Run has ended.
	flushTimeout = 5 * time.Second
)

// Options are the settings of a [Hook].
type Options struct {
	// URL is posted to. It has passed [httpclient.CheckURL].
	URL string
	// Secret is the key of the signature; see [ReadSecret].
	Secret []byte
	// AllowPrivate admits loopback and private addresses too.
	AllowPrivate bool
	// Client sends the requests. Default: one of package httpclient that dials
	// no other addresses than AllowPrivate says.
	Client *http.Client
	// Logger gets a line when the receiver begins to fail, and when it is well
	// again. Default: none.
	Logger *slog.Logger
}

// Stats count events.
type Stats struct{ Sent, Dropped uint64 }

// Hook is a queue of events for one receiver. It is safe for concurrent use.
type Hook struct {
	o      Options
	secret atomic.Pointer[[]byte]
	queue  chan []byte

	mu     sync.Mutex
	closed bool // Run has ended
	stats  Stats

	failing bool // for Run alone
}

// New returns a Hook. It sends nothing until [Hook.Run].
func New(o Options) *Hook {
	if o.Client == nil {
		guard := httpclient.Guard{AllowPrivate: o.AllowPrivate}
		o.Client = httpclient.New(httpclient.Options{Dial: guard.Dial, MaxConns: 1, MaxIdle: 1})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hook{o: o, queue: make(chan []byte, MaxQueue)}
	h.SetSecret(o.Secret)
	return h
}

// SetSecret signs what is sent from now on with another secret.
func (h *Hook) SetSecret(secret []byte) { h.secret.Store(&secret) }

// minSecret is as long as the hash (RFC 2104 3).
const minSecret = 32

// ReadSecret reads a file with the text whose bytes are the key of the signature,
// at least 32. White space around it does not count.
func ReadSecret(file string) ([]byte, error) {
	text, err := keyfile.Read(file)
	if err != nil {
		return nil, err
	}
	secret := bytes.TrimSpace(text)
	if len(secret) < minSecret {
		return nil, keyfile.In(file, errors.New("must hold at least 32 characters, as openssl rand -hex 32 prints them"))
	}
	return secret, nil
}

// Send takes an event, which is JSON. It does not block: if the queue is full or
// [Hook.Run] has ended, the event is dropped and counted.
func (h *Hook) Send(event []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(event) > MaxEvent {
		h.stats.Dropped++
		return
	}
	select {
	case h.queue <- event:
	default:
		h.stats.Dropped++
	}
}

// Stats returns the counts so far.
func (h *Hook) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats
}

// Run sends events until ctx ends, and then for at most five seconds those that
// still wait, each batch once. It is called once.
func (h *Hook) Run(ctx context.Context) {
	defer h.o.Client.CloseIdleConnections()
	late, stop := pause.Outlast(ctx, flushTimeout)
	defer stop()
	for ctx.Err() == nil {
		if events := h.collect(ctx); len(events) > 0 {
			h.deliver(ctx, late, newBatch(events))
		}
	}
	h.close()
	for len(h.queue) > 0 {
		h.deliver(ctx, late, newBatch(h.rest()))
	}
}

// close refuses further events, so that the queue does not grow any more.
func (h *Hook) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// rest returns what waits, at most a batch.
func (h *Hook) rest() [][]byte {
	var events [][]byte
	for len(events) < MaxBatch && len(h.queue) > 0 {
		events = append(events, <-h.queue)
	}
	return events
}

// collect waits for an event, and a moment for more of them. Without one it
// returns when ctx ends.
func (h *Hook) collect(ctx context.Context) [][]byte {
	var events [][]byte
	select {
	case <-ctx.Done():
		return nil
	case event := <-h.queue:
		events = append(events, event)
	}
	full := time.NewTimer(linger)
	defer full.Stop()
	for len(events) < MaxBatch {
		select {
		case <-ctx.Done():
			return events
		case <-full.C:
			return events
		case event := <-h.queue:
			events = append(events, event)
		}
	}
	return events
}

func (h *Hook) count(n int, sent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sent {
		h.stats.Sent += uint64(n) //nolint:gosec // G115: a length
	} else {
		h.stats.Dropped += uint64(n) //nolint:gosec // G115: a length
	}
}
