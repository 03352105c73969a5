package audit

import (
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"wsticket/ticket"
)

// WhenFull says what becomes of an event for which a [Trail] has no room, because the
// database is slower than what happens, or away.
type WhenFull string

// The values of Options.WhenFull. Either way what is lost is counted, and the trail has a
// record of how many were.
const (
	// Drop loses the event, and nobody waits.
	Drop WhenFull = "drop"
	// Block waits for room, at most for a second, and loses the event then.
	Block WhenFull = "block"
)

// DefaultQueue is Options.Queue if that is 0: a second of a busy process. Its events take
// about 6 MiB, once as many have waited.
const DefaultQueue = 8192

// maxQueue bounds the memory that the queue may take to some hundred MiB.
const maxQueue = 1 << 18

const (
	// batchSize is how many records are written at once, at most.
	batchSize = 500
	// linger is how long the first event of a batch waits for others.
	linger = 100 * time.Millisecond
	// writeTimeout bounds the writing of a batch; see Trail.patience.
	writeTimeout = 5 * time.Second
	// firstPause is the pause after the first failure, which doubles with each up to
	// maxPause.
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// flushTimeout bounds what is still written when the context of Run has ended.
	flushTimeout = 5 * time.Second
	// blockTimeout is how long Block waits.
	blockTimeout = time.Second
)

// Options are the parts and settings of a [Trail].
type Options struct {
	// Store is where the records go. Required.
	Store Store
	// Instance names this process in the records. Default: a random name.
	Instance string
	// Queue is how many events wait at most, from 1 to 262 144. As many may wait in
	// [Trail.Keep], which go first. Default: [DefaultQueue].
	Queue int
	// WhenFull says what becomes of one more. Default: Drop.
	WhenFull WhenFull
	// Retention is how long records are kept: 0 for ever, otherwise an hour or more.
	Retention time.Duration
	// Fence returns the replication identity of the store of tickets, empty for one that
	// has none. It is called for each batch, by one goroutine, and does not wait. Default:
	// there is none.
	Fence func() string
	// Logger is told when the database goes away, when it is back, and at the end where
	// the chain ends. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Trail writes events into a database. It is safe for concurrent use, but for [Trail.Run],
// which is called once.
type Trail struct {
	o Options
	// patience is how long the writing of a batch may take.
	patience time.Duration
	queue    *queue
	chain    chain
	head     Head     // of what was stored; for the one who writes
	health   health   // of the database
	batch    []entry  // likewise for the one who writes
	writes   writings // how long batches took
}

// Head is where a chain ends.
type Head struct {
	Instance string `json:"instance"`
	// Seq is that of the newest record, 0 if there is none.
	Seq  uint64 `json:"seq"`
	Hash []byte `json:"hash"`
}

// New returns a Trail. It writes nothing until [Trail.Run]. The error joins a
// [*ticket.OptionError] for each fault.
func New(o Options) (*Trail, error) {
	o = o.withDefaults()
	faults := ticket.OptionErrors{Package: "audit"}
	faults.Check(o.Store != nil, "Store", "required")
	faults.Check(o.Queue >= 1 && o.Queue <= maxQueue, "Queue", "must be from 1 to %d (got %d)", maxQueue, o.Queue)
	faults.Check(o.WhenFull == Drop || o.WhenFull == Block, "WhenFull", "must be %s or %s (got %q)", Drop, Block, o.WhenFull)
	faults.Check(o.Retention == 0 || o.Retention >= time.Hour, "Retention", "must be 0s, which keeps everything, or at least 1h (got %s)", o.Retention)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return &Trail{o: o, patience: writeTimeout, queue: newQueue(o.Queue), head: newHead(o.Instance)}, nil
}

func (o Options) withDefaults() Options {
	if o.Instance == "" {
		o.Instance = rand.Text()
	}
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	if o.WhenFull == "" {
		o.WhenFull = Drop
	}
	if o.Fence == nil {
		o.Fence = func() string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Record takes an event, and stores it soon. It ignores events that are no records
// ([ticket.Event.Audited]), and those that [Trail.Keep] has stored. It does not wait, unless
// the queue is full and Options.WhenFull is Block. The caller may change what e points to
// afterwards, but not what its fields refer to.
func (t *Trail) Record(e *ticket.Event) {
	if e.Kept || !e.Audited() {
		return
	}
	room, ok := t.queue.put(e, t.o.Now(), nil)
	if !ok && t.o.WhenFull == Block {
		ok = t.putLater(e, room)
	}
	if !ok {
		t.queue.drop()
	}
}

// putLater is put for an event that waits for room.
func (t *Trail) putLater(e *ticket.Event, room <-chan struct{}) (ok bool) {
	timer := time.NewTimer(blockTimeout)
	defer timer.Stop()
	at := t.o.Now()
	for !ok && room != nil {
		select {
		case <-room:
		case <-timer.C:
			return false
		}
		room, ok = t.queue.put(e, at, nil)
	}
	return ok
}

// Stats are counts and the state of a [Trail].
type Stats struct {
	// Stored events are in the database. Their records and those of [ticket.EventLost] are
	// all that this process has written.
	Stored uint64
	// LostFull were lost because the queue was full, and LostStopped because the process
	// stopped before they could be written.
	LostFull, LostStopped uint64
	// Queued events wait or are being written. Queue is Options.Queue.
	Queued, Queue int
	// Batches is how many were written, in Writing altogether.
	Batches uint64
	Writing time.Duration
	// FailingSince is when the database began not to take a batch that still waits, zero
	// while all is well. Cause is why.
	FailingSince time.Time
	Cause        string
	// LastFailure is when it did not take one for the last time, zero if it always has.
	LastFailure time.Time
}

// Stats returns the counts since New.
func (t *Trail) Stats() Stats {
	var s Stats
	waiting, lost := t.queue.counts()
	s.Queued, s.Queue, s.LostFull, s.LostStopped = waiting, t.o.Queue, lost.full, lost.stopped
	s.Stored, s.Batches, s.Writing = t.writes.counts()
	s.FailingSince, s.Cause, s.LastFailure = t.health.state()
	return s
}

// writings counts what was written.
type writings struct {
	mu      sync.Mutex
	stored  uint64
	batches uint64
	took    time.Duration
}

func (w *writings) add(events int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored += uint64(events) //nolint:gosec // G115: a length
	w.batches++
	w.took += took
}

func (w *writings) counts() (stored, batches uint64, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stored, w.batches, w.took
}
