package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"wsticket/internal/pause"
	"wsticket/ticket"
)

// Run writes what was recorded until ctx ends, and then what still waits, for 5 s at most.
// What is left is lost, and counted. It is the one writer of this process, and also removes
// what is older than Options.Retention.
func (t *Trail) Run(ctx context.Context) {
	late, stop := pause.Outlast(ctx, flushTimeout)
	defer stop()
	var retention sync.WaitGroup
	retention.Go(func() { t.retain(ctx) })
	defer retention.Wait()
	going := true // until the database has had its last chance
	for going && t.queue.await(ctx) {
		going = t.writeNext(late)
	}
	for going && t.queue.waits() {
		going = t.writeNext(late)
	}
	if left := t.queue.close(t.batch); left > 0 {
		t.o.Logger.Error("audit: events are lost: the database did not take them before the end", "events", left)
	}
	t.o.Logger.Info("audit: chain head", headAttrs(t.head)...)
}

// writeNext writes the next batch, whatever it takes. It returns false if ctx ends before,
// and the batch is still there.
func (t *Trail) writeNext(ctx context.Context) bool {
	var lost uint64
	t.batch, lost = t.queue.take(t.batch[:0])
	records := t.records(lost)
	if len(records) == 0 { // all were withdrawn
		return true
	}
	t.join(records)
	for wait := firstPause; ; wait = min(2*wait, maxPause) {
		start := time.Now()
		err := t.append(ctx, records)
		if err == nil {
			t.stored(records, time.Since(start))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		t.health.failed(t.o.Logger, start, err)
		switch {
		case errors.Is(err, ErrGap):
			records = slices.Insert(records, 0, t.begin())
			t.join(records)
		case errors.Is(err, ErrText): // or this batch would be refused for ever
			simplify(records)
			t.join(records)
		}
		if !pause.For(ctx, wait) {
			return false
		}
	}
}

// begin begins a chain of another name, because the database does not have this one any
// more: it was restored from a backup, or emptied. It returns a record of where that one
// had ended.
func (t *Trail) begin() ticket.AuditRecord {
	t.o.Logger.Error("audit: the database has lost this chain, and a new one begins", headAttrs(t.head)...)
	lost := t.lost("chain_lost", map[string]string{
		"instance": t.head.Instance, "seq": strconv.FormatUint(t.head.Seq, 10), "hash": hex.EncodeToString(t.head.Hash),
	})
	t.head = newHead(rand.Text())
	return lost
}

func (t *Trail) lost(reason string, details map[string]string) ticket.AuditRecord {
	return ticket.AuditRecord{At: t.o.Now().UTC().Truncate(time.Millisecond), Event: ticket.EventLost, Outcome: "lost", Reason: reason, Details: details}
}

func newHead(instance string) Head { return Head{Instance: instance, Hash: FirstHash(instance)} }

func headAttrs(h Head) []any {
	return []any{"instance", h.Instance, "seq", h.Seq, "hash", hex.EncodeToString(h.Hash)}
}

func (t *Trail) append(ctx context.Context, records []ticket.AuditRecord) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	return t.o.Store.Append(ctx, records)
}

// records returns the records of the batch, and behind them one of how many events were
// lost, if any were.
func (t *Trail) records(lost uint64) []ticket.AuditRecord {
	records := make([]ticket.AuditRecord, 0, len(t.batch)+1)
	for i := range t.batch {
		e := &t.batch[i]
		records = append(records, ticket.NewAuditRecord(&e.event, e.at))
	}
	if lost > 0 {
		records = append(records, t.lost("queue_full", map[string]string{"events": strconv.FormatUint(lost, 10)}))
	}
	return records
}

// join chains records to what was stored before.
func (t *Trail) join(records []ticket.AuditRecord) {
	fence, head := t.o.Fence(), t.head
	for i := range records {
		r := &records[i]
		r.Instance, r.Seq, r.Fence = head.Instance, head.Seq+1, ticket.AuditText(fence)
		r.Hash = t.chain.hash(head.Hash, r)
		head.Seq, head.Hash = r.Seq, r.Hash
	}
}

// stored notes that a batch is in the database, and tells who waits for it.
func (t *Trail) stored(records []ticket.AuditRecord, took time.Duration) {
	last := &records[len(records)-1]
	t.head.Seq, t.head.Hash = last.Seq, last.Hash
	t.writes.add(len(t.batch), took)
	t.queue.written()
	t.health.well(t.o.Logger)
	for i := range t.batch {
		if k := t.batch[i].kept; k != nil {
			close(k.stored)
		}
	}
	clear(t.batch) // what it holds is free for the collector
	t.batch = t.batch[:0]
}

// health is whether the database takes what is written. It is the only place that logs
// when that changes.
type health struct {
	mu    sync.Mutex
	since time.Time // of the failures; zero while all is well
	last  time.Time
	cause string
}

func (h *health) failed(log *slog.Logger, begun time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.cause = time.Now(), err.Error()
	if h.since.IsZero() {
		h.since = begun
		log.Error("audit: the database does not take events", "cause", h.cause)
	}
}

func (h *health) well(log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		log.Warn("audit: the database takes events again", "after", fmt.Sprint(time.Since(h.since).Round(time.Millisecond)))
	}
	h.since, h.cause = time.Time{}, ""
}

func (h *health) state() (since time.Time, cause string, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.since, h.cause, h.last
}
