package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/cmd/wsticket/internal/timeline"
	"wsticket/ticket"
)

// searched is a function as the Search of an audit.Store.
type searched struct {
	audit.Store
	search func(q ticket.AuditQuery) (ticket.AuditPage, error)
}

func (s searched) Search(_ context.Context, q ticket.AuditQuery) (ticket.AuditPage, error) {
	return s.search(q)
}

// records returns those of a ticket from one Seq to another.
func records(from, to uint64) (all []ticket.AuditRecord) {
	for n := from; n <= to; n++ {
		all = append(all, ticket.AuditRecord{Instance: "p", Seq: n, Event: ticket.EventReplay, DurationMS: 1500})
	}
	return all
}

// The timeline of a ticket with many replays has its beginning and its end, each record
// once, and says whether some are missing between them.
func TestTimelineOfTheDatabase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		records uint64
		want    int
		gap     bool
	}{{0, 0, false}, {5, 5, false}, {100, 100, false}, {101, 101, false}, {199, 199, false}, {200, 200, false}, {201, 200, true}, {5000, 200, true}} {
		store := searched{search: func(q ticket.AuditQuery) (ticket.AuditPage, error) {
			if q.TicketID != "an ID" || q.Limit > maxTimeline+1 {
				t.Errorf("asked for %+v", q)
			}
			first, last := uint64(1), min(row.records, uint64(q.Limit))
			if q.Newest {
				first, last = row.records-last+1, row.records
			}
			page := ticket.AuditPage{Records: records(first, last)}
			if uint64(len(page.Records)) < row.records {
				page.Cursor = "more"
			}
			if q.Newest {
				slices.Reverse(page.Records)
			}
			return page, nil
		}}
		got := timelines{trail: auditReader{store}}.Timeline(t.Context(), "an ID")
		if len(got.Events) != row.want || got.Gap != row.gap || got.Source != api.TimelineOfDatabase || got.Events == nil {
			t.Errorf("%d records: got %d, gap %t, of %s, want %d and %t", row.records, len(got.Events), got.Gap, got.Source, row.want, row.gap)
		}
		for _, e := range got.Events {
			if e.Instance != "p" || e.Seconds != 1.5 {
				t.Errorf("%d records: got the event %+v", row.records, e)
			}
		}
	}
}

// While the database does not answer, the page has what this process saw, and says so.
func TestTimelineWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	ring := timeline.New(time.Now())
	ring.Record(&ticket.Event{Kind: ticket.EventIssue, TicketID: "an ID"})
	store := searched{search: func(ticket.AuditQuery) (ticket.AuditPage, error) { return ticket.AuditPage{}, errors.New("gone") }}
	got := timelines{trail: auditReader{store}, process: ring, log: slog.New(slog.DiscardHandler)}.Timeline(t.Context(), "an ID")
	if got.Source != api.TimelineWithoutDatabase || len(got.Events) != 1 || got.Started.IsZero() {
		t.Errorf("got %+v, want what the process saw", got)
	}
}

// Package api tells a cursor that is none from a database that is away.
func TestAuditReaderErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]error{
		audit.ErrCursor: ticket.ErrInvalidRequest, errors.New("gone"): ticket.ErrUnavailable, context.DeadlineExceeded: context.DeadlineExceeded, nil: nil,
	} {
		store := searched{search: func(ticket.AuditQuery) (ticket.AuditPage, error) { return ticket.AuditPage{}, err }}
		if _, got := (auditReader{store}).Search(t.Context(), ticket.AuditQuery{}); !errors.Is(got, want) {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
}
