package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// issued is the answer to POST /ws-ticket. It is the only place where a token
// leaves the service.
type issued struct {
	Ticket    string    `json:"ticket"`
	ID        ticket.ID `json:"ticket_id"`
	ExpiresIn int64     `json:"expires_in"`
	ExpiresAt string    `json:"expires_at"`
	// URL and Protocols are two ways to present the ticket; a client takes one.
	URL                 string    `json:"url"`
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
	made, err := s.o.Issuer.Issue(r.Context(), req)
	if err != nil {
		return err
	}
	accesslog.NoteOf(r.Context()).TicketID = string(made.ID)
	done(r, "issued")

	token := made.Token.Reveal()
	// The ID, for a Location gets into logs.
	w.Header().Set("Location", ticketPath+"/"+string(made.ID))
	writeJSON(w, http.StatusCreated, issued{
		Ticket: token, ID: made.ID,
		ExpiresIn: int64(made.Lifetime / time.Second), ExpiresAt: stamp(made.ExpiresAt),
		URL:                 s.socketURL(r) + "?" + s.o.TicketParameter + "=" + token,
		Protocols:           [2]string{"wsticket.v1", "ticket." + token},
		ConnectionExpiresAt: stamp(made.ConnectionExpiresAt),
	})
	return nil
}

// socketURL is where the WebSocket is for the client that sent r, whose Host
// is one of the allowed.
func (s *Server) socketURL(r *http.Request) string {
	u := url.URL{Scheme: "ws", Host: r.Host, Path: s.o.WSPath}
	if r.TLS != nil {
		u.Scheme = "wss"
	}
	if base := s.o.PublicURL; base != nil {
		u.Scheme, u.Host = socketScheme(base.Scheme), base.Host
		u.Path = strings.TrimSuffix(base.Path, "/") + s.o.WSPath
	}
	return u.String()
}

// stamp writes a time as RFC 3339 in UTC, rounded down to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
