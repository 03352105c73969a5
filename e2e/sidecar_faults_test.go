//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// rawUpstream is an application that reads a handshake and calls answer, which may do
// what no library does. Then it closes the connection.
func rawUpstream(t *testing.T, answer func(conn net.Conn, r *http.Request)) *upstream {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					answer(conn, r)
				}
			})
		}
	})
	u := newUpstream()
	u.url = "http://" + listener.Addr().String()
	return u
}

// agree returns the response that accepts a handshake (RFC 6455 4.2.2).
func agree(r *http.Request) string {
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(digest[:]) + "\r\n\r\n"
}

// untilEnd reads until the connection ends.
func untilEnd(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// visitOnce connects to a sidecar with a new ticket.
func visitOnce(t *testing.T, have credentials, w way, steps ...step) []event {
	t.Helper()
	o := w.order(have.url(), have.of(t, w))
	o.Steps = append(o.Steps, steps...)
	return npmWS(t).mustVisit(t, o)[0]
}

// TestRefusalOfTheApplication tests that a refusal of the application reaches the client,
// and that the next handshake on the same HTTP connection is still checked.
func TestRefusalOfTheApplication(t *testing.T) {
	const body = "not in this room"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Room", "full")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(app.Close)
	idp := newIssuer(t)
	s := sidecar(t, idp, &upstream{url: app.URL}, everyDoor()...)
	have := credentials{newClient(t), s, idp.bearer(t, "alice")}
	got := visitOnce(t, have, throughQuery())
	wantEvents(t, "npm ws", got, "refused 403")
	if len(got) == 1 && got[0].Body != body {
		t.Errorf("body: got %q, want %q", got[0].Body, body)
	}
	// Here wsticket has sent the 101 already, so it can only send a close code.
	got = visitOnce(t, have, throughFirstMessage(), listen())
	wantEvents(t, "first message", got, "open", "message auth_ok alice", "closed 1014 upstream failed")

	conn, err := dial(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, request := range []struct {
		token string
		want  int
	}{{have.of(t, throughQuery()), http.StatusForbidden}, {"wst1_invented", http.StatusUnauthorized}} {
		if _, err := io.WriteString(conn, doorQuery.handshake(s.public, request.token)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(res); err != nil || res.StatusCode != request.want {
			t.Errorf("on one connection: got %d, %v; want %d", res.StatusCode, err, request.want)
		}
		_ = res.Body.Close()
	}
}

// TestFirstFrameComesWithTheHandshake tests an application that sends its first frame in
// the same segment as its 101.
func TestFirstFrameComesWithTheHandshake(t *testing.T) {
	idp := newIssuer(t)
	s := sidecar(t, idp, rawUpstream(t, func(conn net.Conn, r *http.Request) {
		_, _ = io.WriteString(conn, agree(r)+"\x81\x05early\x81\x05later\x88\x02\x03\xe8")
		untilEnd(conn)
	}))
	have := credentials{newClient(t), s, idp.bearer(t, "alice")}
	got := visitOnce(t, have, throughQuery(), listen(), listen(), listen())
	wantEvents(t, "npm ws", got, "open", "message early", "message later", "closed 1000")
}

// failures are the ways in which an application may fail.
var failures = []struct {
	rule string
	app  func(conn net.Conn, r *http.Request)
	want []string
}{
	{
		"never answers the handshake",
		func(conn net.Conn, _ *http.Request) { untilEnd(conn) },
		[]string{"refused 502"},
	},
	{
		"closes in place of an answer",
		func(net.Conn, *http.Request) {},
		[]string{"refused 502"},
	},
	{
		"answers what is no HTTP",
		func(conn net.Conn, _ *http.Request) { _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n\r\n") },
		[]string{"refused 502"},
	},
	{
		"dies in the middle of a message",
		func(conn net.Conn, r *http.Request) {
			_, _ = io.WriteString(conn, agree(r)+"\x81\x05whole\x81\x7e\x03\xe8torn")
		},
		[]string{"open", "message whole", "closed 1006"},
	},
	{
		"dies between two messages",
		func(conn net.Conn, r *http.Request) { _, _ = io.WriteString(conn, agree(r)+"\x81\x05whole") },
		[]string{"open", "message whole", "closed 1006"},
	},
}

// TestApplicationFails tests that a failure of the application only affects the client
// that it concerns. Another client stays connected all the time.
func TestApplicationFails(t *testing.T) {
	idp, over := newIssuer(t), make(chan struct{})
	finish := sync.OnceFunc(func() { close(over) })
	s := sidecar(t, idp, rawUpstream(t, func(conn net.Conn, r *http.Request) {
		if n, err := strconv.Atoi(r.URL.Query().Get("failure")); err == nil {
			failures[n].app(conn, r)
			return
		}
		_, _ = io.WriteString(conn, agree(r)+"\x81\x05hello")
		<-over
		_, _ = io.WriteString(conn, "\x81\x05still\x88\x02\x03\xe8")
		untilEnd(conn)
	}))
	t.Cleanup(finish)
	have := credentials{newClient(t), s, idp.bearer(t, "alice")}
	bystander := make(chan []event, 1)
	go func() { // ends with the connection
		o := bearerInHeader().order(have.url(), have.bearer)
		o.Steps = []step{listen(), listen(), listen()}
		got, _ := coder().visit(context.WithoutCancel(t.Context()), o)
		bystander <- slices.Concat(got...)
	}()
	for n, failure := range failures {
		t.Run(failure.rule, func(t *testing.T) {
			o := throughQuery().order(have.url(), have.of(t, throughQuery()))
			o.URL += fmt.Sprint("&failure=", n)
			o.Steps = []step{listen(), listen()}
			wantEvents(t, "npm ws", npmWS(t).mustVisit(t, o)[0], failure.want...)
		})
	}
	finish()
	wantEvents(t, "the other client", <-bystander, "open", "message hello", "message still", "closed 1000")
}
