package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// Renewer moves the deadline of a connection to the end of a fresh bearer of its user,
// and returns it. The registry of package live is one. The error wraps
// [ticket.ErrNotFound] for connections that are unknown, closed or somebody else's.
type Renewer interface {
	Renew(ctx context.Context, id ticket.ID, who ticket.Identity) (until time.Time, err error)
}

// renewal is the answer to POST /connections/{id}/renew.
type renewal struct {
	ID ticket.ID `json:"connection_id"`
	// ExpiresIn is for clients whose clocks are wrong.
	ExpiresIn           int64  `json:"expires_in"`
	ConnectionExpiresAt string `json:"connection_expires_at"`
}

// renewRoutes mounts POST /connections/{id}/renew.
func (s *Server) renewRoutes(r chi.Router) {
	const renew = "/connections/{id}/renew"
	s.route(r, http.MethodPost, renew, s.authenticated(s.renew))
	s.route(r, http.MethodOptions, renew, s.preflight(http.MethodPost))
}

// renew serves POST /connections/{id}/renew. All that counts is in the bearer or the
// session, so the body has no members.
func (s *Server) renew(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	data, err := readBody(w, r, typeJSON)
	if err != nil {
		return err
	}
	if data != nil {
		if err := decode(data); err != nil {
			return err
		}
	}
	until, err := s.o.Renewer.Renew(requestContext(r, clientip.From(r.Context())), id, by.identity)
	if err != nil {
		return err
	}
	done(r, "renewed")
	writeJSON(w, http.StatusOK, renewal{
		ID: id, ExpiresIn: max(0, int64(until.Sub(s.o.Now())/time.Second)), ConnectionExpiresAt: rfc3339(until),
	})
	return nil
}
