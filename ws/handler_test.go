package ws_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

// redeemFunc is a Redeemer of a function.
type redeemFunc func(context.Context) (ticket.Grant, error)

func (f redeemFunc) Redeem(ctx context.Context, _ ticket.Token, _ ticket.Presentation) (ticket.Grant, error) {
	return f(ctx)
}

// handshake is a good one, for a handler without a server.
func handshake(token string) *http.Request { return handshakeRequest("/ws?ticket=" + token) }

func handshakeRequest(target string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, http.NoBody)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
	} {
		r.Header.Set(name, value)
	}
	return r
}

// wellFormed is a token of testdata/vectors/token.json, which nobody issued.
const wellFormed = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"

// hijacker is a ResponseWriter of which the connection can be taken over.
type hijacker struct {
	*httptest.ResponseRecorder
	conn net.Conn // nil: it fails
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if h.conn == nil {
		return nil, nil, http.ErrHijacked
	}
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// wrapped is a ResponseWriter as a middleware passes it on.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w wrapped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// A writer that hides the connection is noticed before the ticket is spent.
func TestNoHijackBurnsNothing(t *testing.T) {
	handler := bare(t, redeemFunc(func(context.Context) (ticket.Grant, error) {
		t.Error("the ticket was spent")
		return ticket.Grant{}, ticket.ErrNotFound
	}), ws.Echo, nil)
	for rule, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"no Hijacker":                       func(w http.ResponseWriter) http.ResponseWriter { return w },
		"a Hijacker before what is none":    func(w http.ResponseWriter) http.ResponseWriter { return wrapped{w} },
		"a writer that hides what it wraps": func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} },
	} {
		t.Run(rule, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(wrap(recorder), handshake(wellFormed))
			if recorder.Code != 500 || problemCode(recorder.Body.Bytes()) != "internal" {
				t.Errorf("answer %d %s, want 500 internal", recorder.Code, recorder.Body)
			}
		})
	}
}

// A redeemer that never answers is given up, and nobody is admitted.
func TestRedeemerHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := bare(t, redeemFunc(func(ctx context.Context) (ticket.Grant, error) {
			<-ctx.Done()
			return ticket.Grant{}, ctx.Err()
		}), ws.Echo, nil)
		recorder, start := httptest.NewRecorder(), time.Now()
		handler.ServeHTTP(hijacker{ResponseRecorder: recorder}, handshake(wellFormed))
		if recorder.Code != 503 || recorder.Header().Get("Retry-After") != "1" {
			t.Errorf("answer %d, Retry-After %q, want 503 and 1", recorder.Code, recorder.Header().Get("Retry-After"))
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %s, want 5s", took)
		}
	})
}

// If the connection is lost at the last moment, the ticket stays spent and
// the Endpoint does not run.
func TestFailedUpgrade(t *testing.T) {
	gone, server := net.Pipe()
	_ = gone.Close()
	answer := httptest.NewRecorder()
	for reason, w := range map[string]http.ResponseWriter{
		"no_hijack": wrapped{hijacker{ResponseRecorder: answer}},
		"accept":    hijacker{httptest.NewRecorder(), server},
	} {
		var events test.Events
		spent := 0
		handler := bare(t, redeemFunc(func(context.Context) (ticket.Grant, error) {
			spent++
			return ticket.Grant{ID: "id"}, nil
		}), func(context.Context, *websocket.Conn, ticket.Grant) error {
			t.Error("the endpoint ran")
			return nil
		}, func(s *setup) { s.ws.Events, s.live.Events = events.Record, events.Record })
		handler.ServeHTTP(w, handshake(wellFormed))
		refusal := ticket.Event{Kind: ticket.EventRefuse, TicketID: "id", Reason: reason, Outcome: "error"}
		if spent != 1 || len(events.All()) != 2 || !events.Has(refusal) || !events.Has(ticket.Event{Kind: ticket.EventRequest}) {
			t.Errorf("%s: %d tickets were spent, events %+v, want one ticket, one request and one refusal", reason, spent, events.All())
		}
		if err := handler.Shutdown(t.Context()); err != nil {
			t.Errorf("%s: Shutdown: %v, want nil: no connection is left", reason, err)
		}
	}
	if answer.Code != 500 || problemCode(answer.Body.Bytes()) != "internal" {
		t.Errorf("a client that can still be answered got %d %s, want 500 internal", answer.Code, answer.Body)
	}
}

// The same if no ticket is spent yet, or there is none.
func TestFailedUpgradeWithoutATicket(t *testing.T) {
	for target, rule := range map[string]string{"/ws": "a first message to come", "/ws?ticket=x": "a refusal by Close frame"} {
		var events test.Events
		handler := bare(t, redeemFunc(nil), ws.Echo, func(s *setup) { s.ws.AcceptThenClose, s.ws.Events = true, events.Record })
		handler.ServeHTTP(wrapped{hijacker{ResponseRecorder: httptest.NewRecorder()}}, handshakeRequest(target))
		if !events.Has(ticket.Event{Kind: ticket.EventRequest, Outcome: "error", Reason: "no_hijack"}) {
			t.Errorf("%s: %+v, want an error", rule, events.All())
		}
	}
}
