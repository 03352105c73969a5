package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

// A program that mounts the handler alone reads in its log why a handshake was
// refused, as an operator of the service does.
func TestRefusedHandshakeIsLogged(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*http.Request){
		"origin_not_allowed": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"two_credentials":    func(r *http.Request) { r.Header.Set("Authorization", "Ticket "+wellFormed) },
		"not_found":          func(*http.Request) {},
	} {
		var out bytes.Buffer
		handler := bare(t, redeemFunc(notFound), ws.Echo, func(s *setup) {
			s.ws.Events = ticket.LogSink(slog.New(slog.NewJSONHandler(&out, nil)))
		})
		r, answer := handshake(wellFormed), httptest.NewRecorder()
		change(r)
		handler.ServeHTTP(hijacker{ResponseRecorder: answer}, r)
		var line struct {
			Msg, Path, Door, Outcome, Reason string
			Status                           int
			RequestID                        string `json:"request_id"`
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v: %s, want one line", reason, err, &out)
		}
		if line.Msg != "request" || line.Outcome != "refused" || line.Reason != reason || line.Status != answer.Code {
			t.Errorf("%s: %s, want that of a refusal with %d", reason, &out, answer.Code)
		}
		if line.RequestID == "" || line.RequestID != answer.Header().Get("X-Request-Id") {
			t.Errorf("%s: request_id %q, want that of the answer", reason, line.RequestID)
		}
		if bytes.Contains(out.Bytes(), []byte(wellFormed)) {
			t.Errorf("%s: the log has the ticket: %s", reason, &out)
		}
	}
}

// A handshake that something in front observes already, as package api does, is
// reported once.
func TestOneEventForEachHandshake(t *testing.T) {
	t.Parallel()
	var outer, inner test.Events
	judge, err := gate.New(gate.Options{Redeemer: redeemFunc(notFound), AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := ws.New(ws.Options{Gate: judge, Endpoint: ws.Echo, Events: inner.Record})
	if err != nil {
		t.Fatal(err)
	}
	judge.Observe(outer.Record, time.Now)(handler).ServeHTTP(hijacker{ResponseRecorder: httptest.NewRecorder()}, handshake(wellFormed))
	if !outer.Has(ticket.Event{Kind: ticket.EventRequest, Outcome: "refused", Reason: "not_found"}) {
		t.Errorf("in front: %+v, want the request and why it was refused", outer.All())
	}
	if n := inner.Count(ticket.EventRequest); n != 0 {
		t.Errorf("the handler reports the request %d times more, want 0", n)
	}
}

func notFound(context.Context) (ticket.Grant, error) { return ticket.Grant{}, ticket.ErrNotFound }
