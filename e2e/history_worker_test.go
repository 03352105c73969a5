//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// job describes the work of a worker.
type job struct {
	URL     string // of the worker's own proxy
	Fault   string // of the store, see faulty
	Timeout time.Duration
	Rules   rules
	Seed    uint64
	// First is the number of the worker's first client.
	First, Clients      int
	Operations, Tickets int // of each client; of the whole history
}

// attempts is the number of different attempts for a ticket. Several clients use the same
// one, like a proxy that repeats a request.
const attempts = 4

// window is the number of tickets in use at a time. It is small, so that clients compete.
const window = 8

// work opens the store, prints the line "ready", waits for a line of input, and then
// prints each operation as a line of JSON. It stops at the end of its input, that is
// when the test ends.
func work(text string, in io.Reader, out io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	s, err := redisstore.Open(j.URL, redisstore.Options{Timeout: j.Timeout, Retention: time.Hour})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := io.WriteString(out, "ready\n"); err != nil {
		return err
	}
	start := bufio.NewReader(in)
	if _, err := start.ReadString('\n'); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with this process
		_, _ = io.Copy(io.Discard, start)
		cancel()
	}()
	return j.run(ctx, faulty(s, j.Fault), out)
}

// run runs the clients concurrently.
func (j job) run(ctx context.Context, s ticket.Store, out io.Writer) error {
	var mu sync.Mutex
	var failed error
	lines := json.NewEncoder(out)
	var clients sync.WaitGroup
	for n := range j.Clients {
		clients.Go(func() {
			c := worker{job: j, store: s, number: j.First + n, dice: newDice(j.Seed, j.First+n)}
			for i := 0; i < j.Operations && ctx.Err() == nil; i++ {
				o := c.operate(ctx, i)
				mu.Lock()
				failed = errors.Join(failed, lines.Encode(o))
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return failed
}

// worker is one client.
type worker struct {
	job
	store  ticket.Store
	number int
	dice   *dice
}

// operate makes the i-th call. All clients advance through the tickets together.
func (c *worker) operate(ctx context.Context, i int) operation {
	number := min(i*c.Tickets/c.Operations+c.dice.IntN(window), c.Tickets-1)
	o := operation{Client: c.number, Ticket: number, Kind: c.kind()}
	now := time.Now()
	switch o.Kind {
	case consume:
		o.Mark = mark{ticket.Redeemed, now.UnixMilli(), fmt.Sprint("attempt ", c.dice.IntN(attempts))}
	case revoke:
		o.Mark = mark{State: ticket.Revoked, At: now.UnixMilli()}
	case create, lookup:
	}
	o.Call = now.UnixNano()
	entry, err := c.call(ctx, o)
	o.Return = time.Now().UnixNano()
	o.Outcome = ticket.Reason(err)
	spent, isSpent := errors.AsType[*ticket.SpentError](err)
	switch {
	case err == nil && o.Kind != create:
		o.Seen = seen(entry.Mark)
		if string(entry.Record.Payload) != string(ticketID(c.Seed, number)) {
			o.Outcome = outcomeMixedUp
		} else if entry.Expired {
			o.Outcome = outcomeExpired
		}
	case isSpent:
		o.Seen = seen(spent.Mark)
	}
	return o
}

func (c *worker) kind() kind {
	switch n := c.dice.IntN(100); {
	case n < 15:
		return create
	case n < 70:
		return consume
	case n < 74:
		return revoke
	default:
		return lookup
	}
}

func (c *worker) call(ctx context.Context, o operation) (ticket.Entry, error) {
	id := ticketID(c.Seed, o.Ticket)
	m := ticket.Mark{State: o.Mark.State, At: time.UnixMilli(o.Mark.At), Attempt: o.Mark.Attempt}
	switch o.Kind {
	case create:
		life, now := c.Rules.lifetime(o.Ticket), time.Now()
		rec := ticket.Record{IssuedAt: now, ExpiresAt: now.Add(life), Payload: []byte(id)}
		return ticket.Entry{}, c.store.Create(ctx, id, rec, life)
	case consume:
		return c.store.Consume(ctx, id, m, c.Rules.Retry)
	case revoke:
		return c.store.Consume(ctx, id, m, 0)
	default:
		return c.store.Lookup(ctx, id)
	}
}

// ticketID returns the ID of a ticket, which is the same in every process.
func ticketID(seed uint64, number int) ticket.ID {
	digest := sha256.Sum256(fmt.Append(nil, seed, " ", number))
	return ticket.ID(base64.RawURLEncoding.EncodeToString(digest[:])[:22])
}

// seen converts a mark, without what the model ignores.
func seen(m ticket.Mark) mark {
	if m.State == ticket.Pending {
		return mark{State: ticket.Pending}
	}
	return mark{m.State, m.At.UnixMilli(), m.Attempt}
}

// Deliberate faults of a store.
const (
	honest     = ""
	getThenDel = "GET, then DEL"
	sendTwice  = "send again what had no reply"
)

// faulty returns a store with one fault.
func faulty(s ticket.Store, fault string) ticket.Store {
	switch fault {
	case getThenDel:
		return twoSteps{s}
	case sendTwice:
		return resending{s}
	default:
		return s
	}
}

// twoSteps reads and then deletes, without checking what it deletes.
type twoSteps struct{ ticket.Store }

func (s twoSteps) Consume(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	entry, err := s.Lookup(ctx, id)
	if err != nil || entry.Mark.State != ticket.Pending {
		return s.Store.Consume(ctx, id, m, retry)
	}
	_, err = s.Store.Consume(ctx, id, m, retry)
	if errors.Is(err, ticket.ErrSpent) || errors.Is(err, ticket.ErrRevoked) {
		err = nil
	}
	return entry, err
}

// resending sends a command again if its reply is lost, like the default of client
// libraries, and so reports that the ticket does not exist.
type resending struct{ ticket.Store }

func (s resending) Consume(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	entry, err := s.Store.Consume(ctx, id, m, retry)
	if errors.Is(err, ticket.ErrUnavailable) {
		return s.Store.Consume(ctx, id, m, retry)
	}
	return entry, err
}
