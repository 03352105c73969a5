//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// arrival is a handshake that an application got.
type arrival struct {
	Target  string      `json:"target"` // of the request line
	Headers [][2]string `json:"headers"`
}

// all returns the values of a header, whose name is in lower case.
func (s arrival) all(name string) []string {
	var values []string
	for _, header := range s.Headers {
		if strings.ToLower(header[0]) == name {
			values = append(values, header[1])
		}
	}
	return values
}

// String returns the whole handshake.
func (s arrival) String() string {
	var text strings.Builder
	text.WriteString(s.Target)
	for _, header := range s.Headers {
		fmt.Fprintf(&text, "\n%s: %s", header[0], header[1])
	}
	return text.String()
}

// upstream is an application that knows nothing of tickets: it echoes messages, selects
// the protocol chat.v1 if it is offered, and supports compression.
type upstream struct {
	url        string
	handshakes chan arrival
	ended      chan event // the ends of connections
}

// room is how many handshakes and ends a test may leave unread.
const room = 1024

func newUpstream() *upstream {
	return &upstream{handshakes: make(chan arrival, room), ended: make(chan event, room)}
}

// next returns the next handshake.
func (u *upstream) next(t *testing.T) arrival {
	t.Helper()
	select {
	case s := <-u.handshakes:
		return s
	case <-time.After(patience):
		t.Fatal("no handshake reached the upstream in time")
		return arrival{}
	}
}

// npmWSUpstream starts an application that uses the npm package ws.
func npmWSUpstream(t testing.TB) *upstream {
	t.Helper()
	return scriptedUpstream(t, testenv.NeedNode(t, packages), "node/ws-upstream.mjs")
}

// pythonUpstream starts an application that uses Debian's python3-websockets.
func pythonUpstream(t testing.TB) *upstream {
	t.Helper()
	return scriptedUpstream(t, testenv.NeedPython(t, "websockets"), "python/upstream.py")
}

// scriptedUpstream starts a program that prints events as lines of JSON. It is stopped
// when the test ends.
func scriptedUpstream(t testing.TB, program, file string) *upstream {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, file)
	stderr := new(test.Output)
	cmd.Env, cmd.SysProcAttr, cmd.Stderr = []string{}, attributes(), stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	u, port, read := newUpstream(), make(chan int, 1), make(chan struct{})
	go func() { // ends with the program
		defer close(read)
		u.read(out, port)
	}()
	t.Cleanup(func() {
		stop()
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", file, stderr)
		}
	})
	select {
	case n := <-port:
		u.url = fmt.Sprint("http://127.0.0.1:", n)
	case <-time.After(patience):
		t.Fatalf("%s does not listen in time", file)
	}
	return u
}

// read reads the events of a program.
func (u *upstream) read(out io.Reader, port chan<- int) {
	for decoder := json.NewDecoder(out); ; {
		var line struct {
			event
			arrival

			Port int `json:"port"`
		}
		if decoder.Decode(&line) != nil {
			return
		}
		switch line.Event {
		case "listening":
			port <- line.Port
		case "handshake":
			u.handshakes <- line.arrival
		case "closed":
			u.ended <- line.event
		}
	}
}

// gorillaUpstream starts an application that uses github.com/gorilla/websocket.
func gorillaUpstream(t testing.TB) *upstream {
	t.Helper()
	u := newUpstream()
	u.url = gorillaApp(t, func(a arrival) { u.handshakes <- a }, func(e event) { u.ended <- e })
	return u
}

// gorillaApp is gorillaUpstream with functions that get the handshakes and the ends of
// connections. It returns the URL.
func gorillaApp(t testing.TB, arrived func(arrival), ended func(event)) string {
	t.Helper()
	upgrader := websocket.Upgrader{
		Subprotocols: []string{"chat.v1"}, EnableCompression: true,
		CheckOrigin: func(*http.Request) bool { return true }, // wsticket has checked it
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived(arrivalOf(r))
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // the library has answered
		}
		defer conn.Close()
		ended(echo(conn))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// arrivalOf converts a request.
func arrivalOf(r *http.Request) arrival {
	s := arrival{Target: r.RequestURI, Headers: [][2]string{{"Host", r.Host}}}
	for name, values := range r.Header {
		for _, value := range values {
			s.Headers = append(s.Headers, [2]string{name, value})
		}
	}
	return s
}

// echo echoes messages and returns how the connection ended.
func echo(conn *websocket.Conn) event {
	for {
		kind, data, err := conn.ReadMessage()
		if given, ok := errors.AsType[*websocket.CloseError](err); ok {
			return event{Event: "closed", Code: given.Code, Reason: given.Text}
		}
		if err != nil || conn.WriteMessage(kind, data) != nil {
			return event{Event: "closed", Code: websocket.CloseAbnormalClosure}
		}
	}
}
