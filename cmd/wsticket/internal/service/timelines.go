package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/ticket"
)

// auditReader reads the trail for package api.
type auditReader struct{ store audit.Store }

// Search implements [api.AuditTrail].
func (r auditReader) Search(ctx context.Context, q ticket.AuditQuery) (ticket.AuditPage, error) {
	page, err := r.store.Search(ctx, q)
	switch {
	case errors.Is(err, audit.ErrCursor):
		return page, fmt.Errorf("%w: %w", ticket.ErrInvalidRequest, err)
	case err != nil:
		return page, fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
	}
	return page, nil
}

// timelines takes the timeline of a ticket from the trail, which has what all processes
// saw, and what they saw before they were started again. While the database does not
// answer, it is what this process saw.
type timelines struct {
	trail   api.AuditTrail
	process api.Timelines
	log     *slog.Logger
}

const (
	// timelineTimeout leaves the page, which waits 8 s, enough for what this process saw.
	timelineTimeout = 3 * time.Second
	// maxTimeline is how many records of a ticket are shown from its beginning, and as
	// many from its end. A ticket has five as a rule, and more if it is replayed.
	maxTimeline = 100
)

// Timeline implements [api.Timelines].
func (t timelines) Timeline(ctx context.Context, id ticket.ID) api.Timeline {
	bounded, cancel := context.WithTimeout(ctx, timelineTimeout)
	defer cancel()
	found, err := t.stored(bounded, id)
	if err != nil {
		t.log.WarnContext(ctx, "the timeline is not from the database, which does not answer", "ticket_id", id, "error", err)
		found = t.process.Timeline(ctx, id)
		found.Source = api.TimelineWithoutDatabase
	}
	return found
}

// stored reads the first records of a ticket, and the last ones where there are more.
func (t timelines) stored(ctx context.Context, id ticket.ID) (api.Timeline, error) {
	found := api.Timeline{Source: api.TimelineOfDatabase, Events: []api.TimelineEvent{}}
	q := ticket.AuditQuery{TicketID: id, Limit: maxTimeline}
	first, err := t.trail.Search(ctx, q)
	if err != nil {
		return found, err
	}
	records := first.Records
	if first.Cursor != "" {
		q.Newest, q.Limit = true, maxTimeline+1 // they meet where none is missing
		last, err := t.trail.Search(ctx, q)
		if err != nil {
			return found, err
		}
		slices.Reverse(last.Records)
		records, found.Gap = joined(records, last.Records)
	}
	for n := range records {
		found.Events = append(found.Events, shown(&records[n]))
	}
	return found, nil
}

// joined puts the last records of a ticket behind the first ones, each once. gap reports
// whether others are missing between them.
func joined(first, last []ticket.AuditRecord) (all []ticket.AuditRecord, gap bool) {
	end := first[len(first)-1]
	met := slices.IndexFunc(last, func(r ticket.AuditRecord) bool { return r.Instance == end.Instance && r.Seq == end.Seq })
	// Where they do not meet, the first of the last ones is left out, and so there is a gap.
	return slices.Concat(first, last[max(met, 0)+1:]), met < 0
}

// shown returns a record as the page gets it.
func shown(r *ticket.AuditRecord) api.TimelineEvent {
	return api.TimelineEvent{
		Instance: r.Instance, At: r.At, Kind: r.Event, Action: r.Action, Outcome: r.Outcome, Reason: r.Reason, Door: r.Door,
		Seconds: (time.Duration(r.DurationMS) * time.Millisecond).Seconds(), ClientIP: r.ClientIP, RequestID: r.RequestID, Caller: r.Caller,
		Route: r.Route, CloseCode: r.CloseCode, ClosedBy: r.ClosedBy,
	}
}
