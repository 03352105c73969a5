package upgrade_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/upgrade"
)

const key = "dGhlIHNhbXBsZSBub25jZQ==" // the example in RFC 6455 1.3

func TestAcceptKey(t *testing.T) {
	const want = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	if got := upgrade.AcceptKey(key); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// serve calls handler for one request, with bytes of a frame behind it, and
// returns what the client reads.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\nearly"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestAccept(t *testing.T) {
	got := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Set-Cookie"], h["X-Request-Id"] = []string{"ours=1"}, []string{"one"}
		h.Set("Sec-WebSocket-Protocol", "wsticket.v1")
		h.Set("Content-Length", "5")
		conn, err := upgrade.Accept(w, key, http.Header{
			"Set-Cookie": {"theirs=2"}, "Sec-Websocket-Protocol": {"app"}, "Upgrade": {"h2c"}, "X-Lines": {"a\r\nb"},
		})
		if err != nil {
			t.Error(err)
			return
		}
		if h["Set-Cookie"][0] != "ours=1" || len(h["Set-Cookie"]) != 1 {
			t.Errorf("the handler's own header is changed: %v", h)
		}
		// What is read already is not lost by looking at it.
		for range 2 {
			if early := conn.Early(); string(early) != "early" {
				t.Errorf("early bytes %q", early)
			}
		}
		_ = conn.Close()
	})
	head, behind, _ := strings.Cut(got, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if !slices.Equal(lines[:3], []string{"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"}) || behind != "" {
		t.Errorf("answer %q", got)
	}
	slices.Sort(lines)
	want := []string{
		"Connection: Upgrade", "HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-WebSocket-Protocol: app", "Set-Cookie: ours=1", "Set-Cookie: theirs=2", "Upgrade: websocket", "X-Lines: a  b", "X-Request-Id: one",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

// The answer of an application that has chosen its own key is passed on.
func TestAcceptPassesTheAnswerOn(t *testing.T) {
	got := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, err := upgrade.Accept(w, key, http.Header{"Sec-Websocket-Accept": {"its own"}})
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})
	if !strings.Contains(got, "Sec-WebSocket-Accept: its own\r\n") || strings.Count(got, "Accept") != 1 {
		t.Errorf("answer %q", got)
	}
}

// plain is a ResponseWriter that cannot be taken over; hijacker is one that can.
type (
	plain    struct{ http.ResponseWriter }
	hijacker struct {
		http.ResponseWriter
		conn net.Conn
	}
	wrapper struct{ http.ResponseWriter }
)

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, nil }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w wrapper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func TestPossible(t *testing.T) {
	w := httptest.NewRecorder()
	for rule, row := range map[string]struct {
		w    http.ResponseWriter
		want bool
	}{
		"it has no method": {w, false}, "it has one": {hijacker{ResponseWriter: w}, true},
		"a wrapper of one": {wrapper{hijacker{ResponseWriter: w}}, true}, "a wrapper of none": {wrapper{w}, false},
		"one that hides what it wraps": {plain{hijacker{ResponseWriter: w}}, false},
	} {
		if got := upgrade.Possible(row.w); got != row.want {
			t.Errorf("%s: %t, want %t", rule, got, row.want)
		}
	}
}

func TestAcceptFails(t *testing.T) {
	if _, err := upgrade.Accept(wrapper{httptest.NewRecorder()}, key, nil); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("no Hijacker: %v, want ErrNotSupported, after which the client can be answered", err)
	}
	client, server := net.Pipe()
	_ = client.Close()
	if _, err := upgrade.Accept(hijacker{httptest.NewRecorder(), server}, key, nil); err == nil || errors.Is(err, http.ErrNotSupported) {
		t.Errorf("the client is gone: %v, want another error", err)
	}
	if _, err := server.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection is left open: %v", err)
	}
}
