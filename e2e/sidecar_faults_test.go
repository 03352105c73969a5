//go:build e2e

package e2e_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// rawUpstream is an application that does with a connection, whose handshake it
// has read, what no library would. The connection is closed behind it.
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

// agree is the answer that completes a handshake (RFC 6455 4.2.2).
func agree(r *http.Request) string {
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(digest[:]) + "\r\n\r\n"
}

// untilEnd reads until the other side has gone.
func untilEnd(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// visitOnce comes to a sidecar with a new ticket.
func visitOnce(t *testing.T, have credentials, w way, steps ...step) []event {
	t.Helper()
	o := w.order(have.url(), have.of(w))
	o.Steps = append(o.Steps, steps...)
	return npmWS(t).mustVisit(t, o)[0]
}

// TestRefusalOfTheApplication: an application that does not want a connection
// says so itself, and what follows on the same connection to wsticket is
// still checked.
func TestRefusalOfTheApplication(t *testing.T) {
	const body = "not in this room"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Room", "full")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(app.Close)
	idp := newIssuer(t)
	s := sidecar(t, idp, &upstream{url: app.URL})
	have := credentials{t, newClient(t), s, idp.bearer(t, "alice")}
	got := visitOnce(t, have, throughQuery())
	wantEvents(t, "npm ws", got, "refused 403")
	if len(got) == 1 && got[0].Body != body {
		t.Errorf("body: got %q, want %q", got[0].Body, body)
	}
	// Here the 101 is ours, and it is too late for an answer of HTTP.
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
	}{{have.of(throughQuery()), http.StatusForbidden}, {"wst1_invented", http.StatusUnauthorized}} {
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

// TestFirstFrameComesWithTheHandshake: an application may send its first frame
// in the same segment as its 101.
func TestFirstFrameComesWithTheHandshake(t *testing.T) {
	idp := newIssuer(t)
	s := sidecar(t, idp, rawUpstream(t, func(conn net.Conn, r *http.Request) {
		_, _ = io.WriteString(conn, agree(r)+"\x81\x05early\x81\x05later\x88\x02\x03\xe8")
		untilEnd(conn)
	}))
	have := credentials{t, newClient(t), s, idp.bearer(t, "alice")}
	got := visitOnce(t, have, throughQuery(), listen(), listen(), listen())
	wantEvents(t, "npm ws", got, "open", "message early", "message later", "closed 1000")
}

// TestApplicationFails: what fails behind wsticket is told to that client, and
// to no other.
func TestApplicationFails(t *testing.T) {
	tests := []struct {
		rule  string
		app   func(conn net.Conn, r *http.Request)
		steps []step
		want  []string
	}{
		{
			rule: "never answers the handshake",
			app:  func(conn net.Conn, _ *http.Request) { untilEnd(conn) },
			want: []string{"refused 502"},
		},
		{
			rule: "closes in place of an answer",
			app:  func(net.Conn, *http.Request) {},
			want: []string{"refused 502"},
		},
		{
			rule: "answers what is no HTTP",
			app:  func(conn net.Conn, _ *http.Request) { _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n\r\n") },
			want: []string{"refused 502"},
		},
		{
			rule: "dies in the middle of a message",
			app: func(conn net.Conn, r *http.Request) {
				_, _ = io.WriteString(conn, agree(r)+"\x81\x05whole\x81\x7e\x03\xe8torn")
			},
			steps: []step{listen(), listen()},
			want:  []string{"open", "message whole", "closed 1006"},
		},
		{
			rule: "dies between two messages",
			app: func(conn net.Conn, r *http.Request) {
				_, _ = io.WriteString(conn, agree(r)+"\x81\x05whole")
			},
			steps: []step{listen(), listen()},
			want:  []string{"open", "message whole", "closed 1006"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			idp := newIssuer(t)
			s := sidecar(t, idp, rawUpstream(t, tt.app))
			have := credentials{t, newClient(t), s, idp.bearer(t, "alice")}
			wantEvents(t, "npm ws", visitOnce(t, have, throughQuery(), tt.steps...), tt.want...)
		})
	}
}
