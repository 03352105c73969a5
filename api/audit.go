package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"wsticket/internal/printable"
	"wsticket/internal/since"
	"wsticket/ticket"
)

const auditPath = "/audit"

// How many records a page of GET /audit has.
const (
	defaultAuditPage = 100
	maxAuditPage     = 1000
)

// AuditTrail is what was kept of events, by all processes that share its database.
type AuditTrail interface {
	// Search returns what a query selects. The error wraps [ticket.ErrInvalidRequest]
	// where the cursor is none of this trail, and otherwise [ticket.ErrUnavailable].
	Search(ctx context.Context, q ticket.AuditQuery) (ticket.AuditPage, error)
}

// audit serves GET /audit: the newest records first, because what an operator looks for
// has happened just now.
func (s *Server) audit(w http.ResponseWriter, r *http.Request, by keyholder) error {
	if err := forAllAudiences(by); err != nil {
		return err
	}
	if s.o.Trail == nil {
		return ticket.WithDetail(errNoTrail, "this service keeps no trail: database.url says where to")
	}
	q, err := auditQuery(r.URL.RawQuery, s.o.Now())
	if err != nil {
		return err
	}
	page, err := s.o.Trail.Search(r.Context(), q)
	if errors.Is(err, ticket.ErrInvalidRequest) {
		return badParameter("cursor", cursorRule)
	}
	if err != nil {
		return err
	}
	if page.Records == nil {
		page.Records = []ticket.AuditRecord{}
	}
	done(r, "read")
	writeJSON(w, http.StatusOK, page)
	return nil
}

const cursorRule = "cursor: must be cursor of the page before, of the same search"

// auditQuery returns what a query asks for, which may be everything.
func auditQuery(raw string, now time.Time) (ticket.AuditQuery, error) {
	q := ticket.AuditQuery{Limit: defaultAuditPage, Newest: true}
	err := readQuery(raw, []expected{
		{"sub", "must be a name of a user, which is not empty and has no hidden characters", func(value string) bool {
			q.Subject = ticket.AuditText(value)
			return printable.IsName(value)
		}},
		{"ticket_id", "must be the 22 characters of an ID", func(value string) (ok bool) {
			var err error
			q.TicketID, err = ticket.ParseID(value)
			return err == nil
		}},
		{"event", "must be one of " + kindsText(), func(value string) bool {
			q.Event = ticket.EventKind(value)
			return slices.Contains(ticket.AuditKinds(), q.Event)
		}},
		{"since", "must be a time as in 2026-11-29T15:04:05Z (RFC 3339; a plus sign is %2B), or an age such as 24h", func(value string) (ok bool) {
			q.Since, ok = since.Parse(value, now)
			return ok
		}},
		{"limit", "must be a whole number of 1 to " + strconv.Itoa(maxAuditPage), wholeUpTo(&q.Limit, maxAuditPage)},
		{"cursor", "must not be empty", notEmpty(&q.Cursor)},
	})
	return q, err
}

func kindsText() string {
	var all []string
	for _, kind := range ticket.AuditKinds() {
		all = append(all, string(kind))
	}
	return strings.Join(all, ", ")
}
