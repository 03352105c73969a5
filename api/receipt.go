package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// receipt is the answer to GET /ws-ticket/{id}. It is for the ticket's owner, so
// it has the reason that whoever presented the ticket does not learn.
type receipt struct {
	ID        ticket.ID    `json:"ticket_id"`
	State     ticket.State `json:"state"`
	Reason    string       `json:"reason,omitempty"`
	At        string       `json:"at,omitempty"`
	ExpiresAt string       `json:"expires_at"`
}

// receipt serves GET /ws-ticket/{id}.
func (s *Server) receipt(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	found, err := s.o.Receipts.Lookup(r.Context(), id, by.identity)
	if err != nil {
		return err
	}
	answer := receipt{
		ID: found.ID, State: found.State, Reason: found.Reason, ExpiresAt: rfc3339(found.ExpiresAt),
	}
	if !found.At.IsZero() {
		answer.At = rfc3339(found.At)
	}
	done(r, "read")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// revoke serves DELETE /ws-ticket/{id}. It is idempotent (RFC 9110 9.2.2).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	if err := s.o.Receipts.Revoke(requestContext(r, clientip.From(r.Context())), id, by.identity); err != nil {
		return err
	}
	done(r, "revoked")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ticketID returns the ID in the path, and notes it for the access log. A
// malformed one is answered like an unknown one.
func ticketID(r *http.Request) (ticket.ID, error) {
	id, err := ticket.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		return "", err
	}
	accesslog.NoteOf(r.Context()).TicketID = string(id)
	return id, nil
}

// done notes the outcome of a request that was not refused.
func done(r *http.Request, outcome string) {
	note := accesslog.NoteOf(r.Context())
	note.Outcome, note.Reason = outcome, "ok"
}
