package unread_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/test"
	"wsticket/internal/unread"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns the address of a server that waits an hour for the body of a
// request. Its answers are refusals, except those for "/read".
func serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(unread.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			_, _ = io.Copy(w, r.Body)
			return
		}
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		refuse(w, r)
	})))
	s.Config.ReadTimeout = time.Hour
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// refuse answers without reading.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "refused\n")
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(test.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestABodyThatNeverComes: the answer is there at once, and the connection ends
// without the body. The server would wait for it for an hour.
func TestABodyThatNeverComes(t *testing.T) {
	t.Parallel()
	addr := serve(t)
	var waiting sync.WaitGroup
	for rule, head := range map[string]string{
		"a length":                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		"the start of a body":     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
		"a large length":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
		"chunks":                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunks without an end":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"a client that asks":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"chunks after a question": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
		"a GET":                   "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		"a HEAD":                  "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.0":                "POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.0, kept alive":    "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 10\r\n\r\n",
		"the last request":        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n",
		"the last one, chunks":    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		conn := dial(t, addr)
		waiting.Go(func() { // all at once, because each takes half a second
			if _, err := io.WriteString(conn, head); err != nil {
				t.Errorf("%s: %v", rule, err)
				return
			}
			all, err := io.ReadAll(conn)
			got := string(all)
			whole := strings.HasSuffix(got, "refused\n") || strings.HasPrefix(head, "HEAD ")
			if err != nil || !strings.Contains(got, " 401 Unauthorized\r\n") || !whole || !strings.Contains(got, "\r\nConnection: close\r\n") {
				t.Errorf("%s: got %q, %v, want the answer and then the end", rule, got, err)
			}
		})
	}
	waiting.Wait()
}

// TestAnAbortedRequest: a handler that gives up neither waits for the body nor
// answers.
func TestAnAbortedRequest(t *testing.T) {
	t.Parallel()
	addr := serve(t)
	for _, line := range []string{"", "Connection: close\r\n"} {
		conn := dial(t, addr)
		if _, err := io.WriteString(conn, "POST /abort HTTP/1.1\r\nHost: a\r\n"+line+"Content-Length: 10\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
			t.Errorf("%q: got %q, %v, want nothing but the end", line, got, err)
		}
	}
}

// TestABodyThatComes: a client that sends all of its body before it reads gets
// the answer, and no reset. The body is small enough to be sent at one go.
func TestABodyThatComes(t *testing.T) {
	t.Parallel()
	addr := serve(t)
	for rule, head := range heads("32768") {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, addr)
			if _, err := io.WriteString(conn, head+strings.Repeat("a", 32<<10)); err != nil {
				t.Fatalf("the body: %v", err)
			}
			if got, err := io.ReadAll(conn); err != nil || !strings.Contains(string(got), " 401 ") {
				t.Errorf("got %q, %v, want the answer and then the end", got, err)
			}
		})
	}
}

// TestALargeBodyThatComes: a body is read however large it is. The server itself
// would read 256 KiB, or nothing.
func TestALargeBodyThatComes(t *testing.T) {
	t.Parallel()
	for rule, head := range heads("1048576") {
		synctest.Test(t, func(t *testing.T) {
			client, conn := net.Pipe()
			s := &http.Server{Handler: unread.Middleware(http.HandlerFunc(refuse)), ReadTimeout: time.Hour}
			served := make(chan error, 1)
			go func() { served <- s.Serve(&listener{conns: []net.Conn{conn}, closed: make(chan struct{})}) }()
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(client, head+strings.Repeat("a", 1<<20))
				sent <- err
			}()
			if got, err := io.ReadAll(client); err != nil || !strings.Contains(string(got), " 401 ") {
				t.Errorf("%s: got %q, %v, want the answer and then the end", rule, got, err)
			}
			if err := <-sent; err != nil {
				t.Errorf("%s: the body was not read: %v", rule, err)
			}
			_ = s.Close()
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("%s: served until %v", rule, err)
			}
		})
	}
}

// heads are the starts of requests with a body of that length.
func heads(length string) map[string]string {
	return map[string]string{
		"kept alive":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + "\r\n\r\n",
		"the last request": "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " + length + "\r\n\r\n",
		"HTTP/1.0":         "POST / HTTP/1.0\r\nContent-Length: " + length + "\r\n\r\n",
	}
}

// listener accepts the connections that it has, and then none.
type listener struct {
	conns  []net.Conn
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if len(l.conns) == 0 {
		<-l.closed
		return nil, net.ErrClosed
	}
	conn := l.conns[0]
	l.conns = l.conns[1:]
	return conn, nil
}

func (l *listener) Close() error {
	close(l.closed)
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe", Name: "pipe"} }

// TestKeepAlive: a connection lives on after a body that was read, and after a
// request without one.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	conn := dial(t, serve(t))
	from := bufio.NewReader(conn)
	for rule, request := range map[string]string{
		"no body":         "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"no length":       "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
		"an empty one":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"one, read":       "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"chunks, read":    "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"asked for, read": "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
	} {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		answer, err := http.ReadResponse(from, nil)
		if err == nil && answer.StatusCode == http.StatusContinue {
			answer, err = http.ReadResponse(from, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.Close {
			t.Errorf("%s: got an answer that ends the connection (%t, %v), want none", rule, answer.Close, err)
		}
		_ = answer.Body.Close()
	}
}
