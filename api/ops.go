package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"wsticket/ticket"
)

// The paths of the page of the operators. What is below it is part of the page, and
// changes with it.
const (
	opsPath       = "/ops"
	opsFilePath   = "/ops/{file}"
	opsAccessPath = "/ops/access"
	opsTicketPath = "/ops/tickets/{id}"
)

// Timelines knows what happened to tickets.
type Timelines interface {
	// Timeline returns what is known of a ticket or connection, without events if that
	// is nothing. It ends with its context.
	Timeline(ctx context.Context, id ticket.ID) Timeline
}

// The values of Timeline.Source.
const (
	// TimelineOfDatabase: all processes that share its database.
	TimelineOfDatabase = "database"
	// TimelineOfProcess: the process that answers, because there is no database.
	TimelineOfProcess = "process"
	// TimelineWithoutDatabase: that process, because its database does not answer.
	TimelineWithoutDatabase = "process_only"
)

// Timeline is what is known of one ticket, from its issue to the end of its connection.
// It has what the access log or the audit trail has, and no secret.
type Timeline struct {
	// Source says who has seen it: [TimelineOfDatabase], [TimelineOfProcess] or
	// [TimelineWithoutDatabase].
	Source string `json:"source"`
	// Started is since when a process watches. Zero for a database.
	Started time.Time `json:"started,omitzero"`
	// Since is since when everything is there. It is after Started once events were
	// dropped to make room for others. Zero for a database.
	Since time.Time `json:"since,omitzero"`
	// LeftOut is how many presentations a process has refused in addition to those in
	// Events.
	LeftOut int `json:"left_out"`
	// Gap reports whether a database has more events than there are here. They are
	// between the first and the last of Events.
	Gap bool `json:"gap,omitempty"`
	// Events are in the order of their times.
	Events []TimelineEvent `json:"events"`
}

// TimelineEvent is a [ticket.Event] as a [Timeline] has it.
type TimelineEvent struct {
	// Instance is the process of an event in a database; see [ticket.AuditRecord].
	Instance string `json:"instance,omitempty"`

	At     time.Time        `json:"at"`
	Kind   ticket.EventKind `json:"kind"`
	Action ticket.Action    `json:"action,omitempty"`
	// Outcome and Reason are words as in the log.
	Outcome string      `json:"outcome,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Door    ticket.Door `json:"door,omitempty"`
	// Seconds is how long it took; of a disconnect how long the connection lasted.
	Seconds   float64 `json:"seconds"`
	ClientIP  string  `json:"client_ip,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Caller    string  `json:"caller,omitempty"`
	Method    string  `json:"method,omitempty"`
	Route     string  `json:"route,omitempty"`
	Status    int     `json:"status,omitempty"`
	// CloseCode and ClosedBy are of a disconnect.
	CloseCode uint16 `json:"close_code,omitempty"`
	ClosedBy  string `json:"closed_by,omitempty"`
}

// access is what a caller may do on the page.
type access struct {
	// Caller names the key or certificate, empty if there is none.
	Caller string   `json:"caller,omitempty"`
	Scopes []string `json:"scopes"`
	// AllAudiences reports whether the key is not limited to audiences, as what the page
	// does requires.
	AllAudiences bool `json:"all_audiences"`
	// Trail reports whether there is an audit trail to search.
	Trail bool `json:"trail"`
}

func (s *Server) opsRoutes(r chi.Router) {
	if s.o.Ops != nil {
		s.route(r, http.MethodGet, opsPath, s.opsPage)
		s.route(r, http.MethodGet, opsFilePath, s.opsPage)
		s.route(r, http.MethodGet, opsAccessPath, bounded(s.opsAccess))
	}
	if s.o.Timelines != nil {
		s.route(r, http.MethodGet, opsTicketPath, s.keyed(scopeRead, s.opsTicket))
	}
}

// opsPage serves the page of the operators and its files. They hold no data, and need
// no key.
func (s *Server) opsPage(w http.ResponseWriter, r *http.Request) error {
	done(r, "ok")
	s.o.Ops.ServeHTTP(w, r)
	return nil
}

// opsAccess serves GET /ops/access. Without a key or certificate the answer is that
// nothing is allowed, and no refusal: the page asks when it is opened.
func (s *Server) opsAccess(w http.ResponseWriter, r *http.Request) error {
	by, err := s.holderOf(r, bearerKey)
	if err = s.withQuery(r, err); err != nil && !errors.Is(err, errMissingCredential) {
		return err
	}
	answer := access{Caller: by.name, Scopes: append([]string{}, by.key.Scopes...), AllAudiences: len(by.key.Audiences) == 0, Trail: s.o.Trail != nil}
	if by.certificate {
		answer.Scopes = []string{scopeConsume, scopeIntrospect, scopeRevoke, scopeRead}
	}
	done(r, "read")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// opsTicket serves GET /ops/tickets/{id}.
func (s *Server) opsTicket(w http.ResponseWriter, r *http.Request, by keyholder) error {
	if err := forAllAudiences(by); err != nil {
		return err
	}
	id, err := ticketID(r)
	if err != nil {
		return notFound(err) // no ticket is presented
	}
	done(r, "read")
	writeJSON(w, http.StatusOK, s.o.Timelines.Timeline(r.Context(), id))
	return nil
}
