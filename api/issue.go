package api

import (
	"net/http"
	"time"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// issued is the answer to POST /ws-ticket, the only one that holds a token.
type issued struct {
	Ticket    string    `json:"ticket"`
	ID        ticket.ID `json:"ticket_id"`
	ExpiresIn int64     `json:"expires_in"`
	ExpiresAt string    `json:"expires_at"`
	// URL and Protocols are two ways to present the ticket. A client uses one.
	// There is no URL if every path of the audience has a template, which only the
	// client can fill in, or if it has none.
	URL                 string    `json:"url,omitempty"`
	Protocols           [2]string `json:"protocols"`
	ConnectionExpiresAt string    `json:"connection_expires_at"`
}

// issue serves POST /ws-ticket. The ticket is bound to the origin of the page
// that asked, so that no other page can present it.
func (s *Server) issue(w http.ResponseWriter, r *http.Request, by caller) error {
	req := ticket.Request{Identity: by.identity, Origin: by.origin}
	data, err := readBody(w, r, typeJSON)
	if err != nil {
		return err
	}
	if data != nil {
		if err := decodeIssue(data, &req); err != nil {
			return err
		}
	}
	made, err := s.o.Issuer.Issue(requestContext(r, clientip.From(r.Context())), req)
	if err != nil {
		return err
	}
	accesslog.NoteOf(r.Context()).TicketID = string(made.ID)
	done(r, "issued")

	token, socket := made.Token.Reveal(), s.socketURL(r, made.Audience)
	if socket != "" {
		socket += "?" + s.o.Gate.TicketParameter() + "=" + token
	}
	// With the ID, not the token, because a Location gets into logs.
	w.Header().Set("Location", ticketPath+"/"+string(made.ID))
	writeJSON(w, http.StatusCreated, issued{
		Ticket: token, ID: made.ID,
		ExpiresIn: int64(made.Lifetime / time.Second), ExpiresAt: rfc3339(made.ExpiresAt),
		URL:                 socket,
		Protocols:           [2]string{gate.ProtocolOwn, gate.TicketPrefix + token},
		ConnectionExpiresAt: rfc3339(made.ConnectionExpiresAt),
	})
	return nil
}

// rfc3339 formats a time by RFC 3339, in UTC and rounded down to the second.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
