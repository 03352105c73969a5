package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// tailEvery is how often the database is asked for what is new.
const tailEvery = time.Second

type auditTailCmd struct {
	trailDatabase
	trailFilter

	Limit int `default:"10" placeholder:"N" help:"How many records that are there already are printed first: the newest, at most 10000; with --since all since then, and as many at most. Default: 10."`

	every time.Duration // default: tailEvery
}

// Run prints records until ctx ends.
func (c *auditTailCmd) Run(ctx context.Context, w world) error {
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	if c.Limit < 0 || c.Limit > maxTrailLimit {
		return usageError{fmt.Errorf("--limit: must be 0 to %d", maxTrailLimit)}
	}
	store, err := c.store(ctx, w)
	if err != nil {
		return fmt.Errorf("audit tail: %w", err)
	}
	defer func() { _ = store.Close() }()
	t := trailTail{store: store, query: q, out: &trailPrinter{out: w.Stdout, json: c.JSON}}
	if err := t.begin(ctx, c.Limit); err != nil {
		return c.ended(ctx, err)
	}
	return c.ended(ctx, t.follow(ctx, cmp.Or(c.every, tailEvery), w))
}

// ended returns nil for what follows from the end of ctx, by which tail ends.
func (c *auditTailCmd) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("audit tail: %w", err)
}

// trailTail follows the chains of all processes. A chain has no gaps, so that no record
// is missed, however late a process stores it and whatever its clock says.
type trailTail struct {
	store audit.Store
	query ticket.AuditQuery
	out   *trailPrinter
	// read is the last record of each chain that was read.
	read map[string]uint64
	// shown are records that begin has printed, and that are not read yet.
	shown map[recordName]bool
}

type recordName struct {
	instance string
	seq      uint64
}

// begin prints what is there.
func (t *trailTail) begin(ctx context.Context, limit int) error {
	chains, err := t.store.Chains(ctx)
	if err != nil {
		return err
	}
	t.read, t.shown = map[string]uint64{}, map[recordName]bool{}
	for _, chain := range chains {
		t.read[chain.Instance] = chain.LastSeq
	}
	if !t.query.Since.IsZero() {
		limit = maxTrailLimit
	}
	records, _, err := newestRecords(ctx, t.store, t.query, limit)
	if err != nil {
		return err
	}
	for n := range records {
		if r := &records[n]; r.Seq > t.read[r.Instance] { // came after the chains were read
			t.shown[recordName{r.Instance, r.Seq}] = true
		}
	}
	return t.out.print(records)
}

// follow prints what comes. While the database does not answer, it says so once.
func (t *trailTail) follow(ctx context.Context, every time.Duration, w world) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for away := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for more := true; more; {
			var (
				fresh []ticket.AuditRecord
				err   error
			)
			fresh, more, err = t.fresh(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !away {
				_ = say(w.Stderr, "The database does not answer, and is asked again: %s", err)
			}
			away = err != nil
			if err := t.out.print(fresh); err != nil {
				return err
			}
		}
	}
}

// fresh returns records that have come and that the query selects, by their times. more
// reports whether there are others.
func (t *trailTail) fresh(ctx context.Context) (fresh []ticket.AuditRecord, more bool, err error) {
	chains, err := t.store.Chains(ctx)
	if err != nil {
		return nil, false, err
	}
	read := make(map[string]uint64, len(chains))
	for _, chain := range chains {
		last := t.read[chain.Instance]
		if chain.LastSeq > last {
			records, err := t.store.ReadChain(ctx, chain.Instance, last, trailPage)
			if err != nil {
				return nil, false, err
			}
			if len(records) > 0 {
				last = records[len(records)-1].Seq
			}
			fresh, more = append(fresh, records...), more || len(records) == trailPage
		}
		read[chain.Instance] = last
	}
	t.read = read // without the chains that are gone
	fresh = slices.DeleteFunc(fresh, func(r ticket.AuditRecord) bool { return t.wasShown(&r) || !selects(t.query, &r) })
	slices.SortStableFunc(fresh, func(a, b ticket.AuditRecord) int { return a.At.Compare(b.At) })
	return fresh, more, nil
}

// wasShown reports whether begin has printed a record, and forgets it.
func (t *trailTail) wasShown(r *ticket.AuditRecord) bool {
	name := recordName{r.Instance, r.Seq}
	shown := t.shown[name]
	delete(t.shown, name)
	return shown
}

// selects reports whether a query, whose Since has passed, selects a record.
func selects(q ticket.AuditQuery, r *ticket.AuditRecord) bool {
	return (q.Subject == "" || q.Subject == r.Subject) && (q.TicketID == "" || q.TicketID == r.TicketID) && (q.Event == "" || q.Event == r.Event)
}
