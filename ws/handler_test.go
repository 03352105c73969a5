package ws_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

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

// wrapped is what a middleware makes of a ResponseWriter.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w wrapped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// A writer that hides the connection is found out before the ticket is spent.
func TestNoHijackBurnsNothing(t *testing.T) {
	handler := mustNew(t, ws.Options{
		Endpoint: ws.Echo, AllowMissingOrigin: true,
		Redeemer: redeemFunc(func(context.Context) (ticket.Grant, error) {
			t.Error("the ticket was spent")
			return ticket.Grant{}, ticket.ErrNotFound
		}),
	})
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

// A redeemer that waits for ever is given up, and nobody is admitted.
func TestRedeemerHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := mustNew(t, ws.Options{
			Endpoint: ws.Echo, AllowMissingOrigin: true,
			Redeemer: redeemFunc(func(ctx context.Context) (ticket.Grant, error) {
				<-ctx.Done()
				return ticket.Grant{}, ctx.Err()
			}),
		})
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

// Where the connection cannot be had after all, the ticket stays spent and
// the Endpoint does not run.
func TestFailedTakeover(t *testing.T) {
	logs := &logBuffer{}
	spent := 0
	handler := mustNew(t, ws.Options{
		AllowMissingOrigin: true, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
		Endpoint: func(context.Context, *websocket.Conn, ticket.Grant) error {
			t.Error("the endpoint ran")
			return nil
		},
		Redeemer: redeemFunc(func(context.Context) (ticket.Grant, error) {
			spent++
			return ticket.Grant{ID: "id"}, nil
		}),
	})
	handler.ServeHTTP(wrapped{hijacker{ResponseRecorder: httptest.NewRecorder()}}, handshake(wellFormed))
	if spent != 1 || !strings.Contains(logs.String(), "handshake failed") || strings.Contains(logs.String(), wellFormed) {
		t.Errorf("%d tickets were spent, log %s, want one and a line without it", spent, logs)
	}
}

// The same where no ticket is spent yet, or none is going to be.
func TestFailedTakeoverWithoutATicket(t *testing.T) {
	for target, reason := range map[string]string{"/ws": "a first message to come", "/ws?ticket=x": "a refusal by close frame"} {
		logs := &logBuffer{}
		logger := slog.New(slog.NewJSONHandler(logs, nil))
		handler := mustNew(t, ws.Options{
			AllowMissingOrigin: true, Logger: logger, AcceptThenClose: true, Endpoint: ws.Echo, Redeemer: redeemFunc(nil),
		})
		chain(handler, logger).ServeHTTP(wrapped{hijacker{ResponseRecorder: httptest.NewRecorder()}}, handshakeRequest(target))
		if !strings.Contains(logs.String(), "handshake failed") || !strings.Contains(logs.String(), `"Outcome":"error","Reason":"accept"`) {
			t.Errorf("%s: log %s, want a line and an error", reason, logs)
		}
	}
}

// ginWriter holds the header back until it is asked for it, as Gin's does.
type ginWriter struct {
	hijacker
	status, sent int
}

func (g *ginWriter) WriteHeader(status int) { g.status = status }
func (g *ginWriter) WriteHeaderNow()        { g.sent = g.status }

func TestGinSendsTheHeader(t *testing.T) {
	client, server := net.Pipe()
	_ = client.Close()
	handler := mustNew(t, ws.Options{
		Endpoint: ws.Echo, AllowMissingOrigin: true,
		Redeemer: redeemFunc(func(context.Context) (ticket.Grant, error) { return ticket.Grant{}, nil }),
	})
	w := &ginWriter{hijacker: hijacker{httptest.NewRecorder(), server}}
	handler.ServeHTTP(w, handshake(wellFormed))
	if w.sent != http.StatusSwitchingProtocols {
		t.Errorf("status sent %d, want 101", w.sent)
	}
}
