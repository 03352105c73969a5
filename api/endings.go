package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"wsticket/live"
	"wsticket/ticket"
)

// Feeds tell backends which of the connections that they consumed have to end.
// [*live.Feeds] is one.
type Feeds interface {
	Granted(ctx context.Context, caller string, g ticket.Grant, client netip.Addr) error
	Open(ctx context.Context, caller, since string) (*live.Feed, error)
}

const (
	// feedBeat is when a heartbeat is due. A feed wakes every two seconds at least, so
	// that there are never more than 15 s between two of them.
	feedBeat = 13 * time.Second
	// feedWrite bounds one write to a client that does not read.
	feedWrite = 30 * time.Second
)

// feedEnding is the data of an event "ended", and feedRenewal that of "renewed".
type feedEnding struct {
	TicketID     ticket.ID `json:"ticket_id"`
	ConnectionID ticket.ID `json:"connection_id"`
	Reason       string    `json:"reason"`
	Code         uint16    `json:"code"`
	At           string    `json:"at"`
}

type feedRenewal struct {
	TicketID     ticket.ID `json:"ticket_id"`
	ConnectionID ticket.ID `json:"connection_id"`
	ExpiresAt    string    `json:"connection_expires_at"`
	At           string    `json:"at"`
}

// endings serves GET /endings. It takes as long as the client likes.
func (s *Server) endings(w http.ResponseWriter, r *http.Request) error {
	by, err := s.authorize(r, scopeConsume, bearerKey)
	if err != nil {
		return s.withQuery(r, err)
	}
	since, err := s.cursor(r)
	if err != nil {
		return err
	}
	feed, err := s.o.Feeds.Open(r.Context(), by.name, since)
	if err != nil {
		return err
	}
	defer feed.Close()
	events, cursor, err := feed.Next() // it finds out whether the cursor is too old
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // of nginx
	w.WriteHeader(http.StatusOK)
	done(r, "read")
	out := feedWriter{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{}) // of the next request, which does not come
	for err == nil && !s.isReplaced() {
		if err = out.write(events, cursor); err == nil {
			events, cursor, err = feed.Next()
		}
	}
	return nil // the status is sent: the client comes back with its cursor
}

func (s *Server) isReplaced() bool {
	select {
	case <-s.o.Replaced:
		return true
	default:
		return false
	}
}

// cursor returns the parameter since, or Last-Event-ID, which browsers and libraries
// send when they come back.
func (s *Server) cursor(r *http.Request) (string, error) {
	if err := s.secretInQuery(r.URL.RawQuery, true); err != nil {
		return "", err
	}
	fields, err := url.ParseQuery(r.URL.RawQuery)
	since, there := fields["since"]
	delete(fields, "since")
	switch {
	case err != nil || len(fields) > 0 || len(since) > 1:
		return "", badRequest("query: only since is known, once")
	case there:
		return since[0], nil
	default:
		return r.Header.Get("Last-Event-ID"), nil
	}
}

// feedWriter writes server-sent events.
type feedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wrote   time.Time
}

// write writes the events of a batch, and the cursor once behind the last one: whoever is
// cut off within a batch reads all of it again. Without events it keeps the connection
// alive.
func (f *feedWriter) write(events []live.FeedEvent, cursor string) error {
	now := time.Now()
	if len(events) == 0 && !f.wrote.IsZero() && now.Sub(f.wrote) < feedBeat {
		return nil
	}
	_ = f.control.SetWriteDeadline(now.Add(feedWrite)) // the server's is for the whole answer
	for i, e := range events {
		id := ""
		if i == len(events)-1 {
			id = "id: " + cursor + "\n"
		}
		name, data := "ended", any(feedEnding{e.TicketID, e.TicketID, e.Ending.Reason, e.Ending.Code, rfc3339(e.At)})
		if e.Ending == (ticket.Ending{}) {
			name, data = "renewed", feedRenewal{e.TicketID, e.TicketID, rfc3339(e.Until), rfc3339(e.At)}
		}
		text, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		if _, err := io.WriteString(f.w, "event: "+name+"\ndata: "+string(text)+"\n"+id+"\n"); err != nil { //nolint:gosec // G705: an event stream is no page, and the texts are JSON of ours
			return fmt.Errorf("write an event: %w", err)
		}
	}
	if len(events) == 0 {
		if _, err := io.WriteString(f.w, ": alive\nid: "+cursor+"\n\n"); err != nil { //nolint:gosec // G705: as above
			return fmt.Errorf("write a heartbeat: %w", err)
		}
	}
	f.wrote = now
	return f.control.Flush()
}
