package api

import (
	"fmt"
	"net/http"
	"net/url"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// introspect serves POST /introspect (RFC 7662), which looks at a ticket and
// leaves it alone. Nobody may be admitted by it, and each answer says so.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request, _ keyholder) error {
	data, err := readBody(w, r, typeForm)
	if err != nil {
		return err
	}
	text, err := tokenOf(data)
	if err != nil {
		return err
	}
	consumed := false
	token, err := ticket.ParseToken(text)
	if err != nil {
		return inactive(w, r, presented(err), verdict{Consumed: &consumed})
	}
	accesslog.NoteOf(r.Context()).TicketID = string(token.ID())
	grant, err := s.o.Redeemer.Introspect(r.Context(), token)
	if err != nil {
		return inactive(w, r, presented(err), verdict{Consumed: &consumed})
	}
	answer := verdictOf(grant)
	answer.Consumed = &consumed
	done(r, "read")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// tokenOf finds the one token of a form. Parameters that are not known are
// ignored (RFC 7662 2.1), but none may come twice (RFC 6749 3.2).
func tokenOf(form []byte) (string, error) {
	fields, err := url.ParseQuery(string(form))
	if err != nil {
		return "", fmt.Errorf("form: %w", ticket.ErrInvalidRequest)
	}
	for _, values := range fields {
		if len(values) > 1 {
			return "", fmt.Errorf("form: twice: %w", ticket.ErrInvalidRequest)
		}
	}
	text := fields.Get("token")
	if text == "" {
		return "", fmt.Errorf("form: no token: %w", ticket.ErrInvalidRequest)
	}
	return text, nil
}
