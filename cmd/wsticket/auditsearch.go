package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// How many records are printed and read at a time.
const (
	maxTrailLimit = 10_000 // of the newest, which are held in memory to be turned around
	trailPage     = 1000
)

type auditSearchCmd struct {
	trailDatabase
	trailFilter

	Limit int `default:"100" placeholder:"N" help:"How many are printed: the newest, at most 10000; 0 for all of them. Default: 100."`
}

// Run prints records, the newest last.
func (c *auditSearchCmd) Run(ctx context.Context, w world) error {
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	if c.Limit < 0 || c.Limit > maxTrailLimit {
		return usageError{fmt.Errorf("--limit: must be 1 to %d, or 0 for all records", maxTrailLimit)}
	}
	store, err := c.store(ctx, w)
	if err != nil {
		return fmt.Errorf("audit search: %w", err)
	}
	defer func() { _ = store.Close() }()
	out := &trailPrinter{out: w.Stdout, json: c.JSON}
	found, more, err := printTrail(ctx, store, q, c.Limit, out)
	switch {
	case err != nil:
		return fmt.Errorf("audit search: %w", err)
	case found == 0:
		return say(w.Stderr, "The trail has no such record.")
	case more:
		return say(w.Stderr, "There are older ones: --limit 1000 shows more, and --limit 0 all of them.")
	}
	return nil
}

// printTrail prints the newest records that a query selects, or all of them where limit
// is 0. It returns how many there were, and whether there are more.
func printTrail(ctx context.Context, store audit.Store, q ticket.AuditQuery, limit int, out *trailPrinter) (found int, more bool, err error) {
	if limit == 0 {
		found, err = printWholeTrail(ctx, store, q, out)
		return found, false, err
	}
	records, more, err := newestRecords(ctx, store, q, limit)
	if err != nil {
		return 0, false, err
	}
	return len(records), more, out.print(records)
}

// printWholeTrail prints a page at a time, and holds no more.
func printWholeTrail(ctx context.Context, store audit.Store, q ticket.AuditQuery, out *trailPrinter) (found int, err error) {
	for q.Limit = trailPage; ; {
		page, err := store.Search(ctx, q)
		if err == nil {
			found += len(page.Records)
			err = out.print(page.Records)
		}
		if err != nil || page.Cursor == "" {
			return found, err
		}
		q.Cursor = page.Cursor
	}
}

// newestRecords returns the newest records in the order in which they came.
func newestRecords(ctx context.Context, store audit.Store, q ticket.AuditQuery, limit int) (records []ticket.AuditRecord, more bool, err error) {
	q.Newest, more = true, true
	for len(records) < limit && more {
		q.Limit = min(trailPage, limit-len(records))
		page, err := store.Search(ctx, q)
		if err != nil {
			return nil, false, err
		}
		records = append(records, page.Records...)
		q.Cursor, more = page.Cursor, page.Cursor != ""
	}
	slices.Reverse(records)
	return records, more, nil
}
