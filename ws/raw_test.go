package ws_test

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// The raw client sends bytes over a socket, because no HTTP client sends the
// requests that have to be refused.

const (
	key   = test.HandshakeKey
	query = "GET /ws?ticket=$T HTTP/1.1"
	plain = "GET /ws HTTP/1.1"
	// Problem codes.
	wrong  = "invalid_ticket"
	absent = "missing_credential"
	denied = "origin_not_allowed"
	// marker stands for what must not be echoed or logged.
	marker = "MARKER-7f3a"
)

// request is short for [test.Handshake].
func request(line string, edits ...string) string { return test.Handshake(line, edits...) }

// answer is what came back.
type answer struct {
	*http.Response
	body []byte // of a refusal
	conn net.Conn
	rest *bufio.Reader // of an admission
}

// send writes text to the server and reads the answer.
func (f *fixture) send(t *testing.T, text string) answer {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer and close before it has read all.
	_, _ = io.WriteString(conn, text)
	rest := bufio.NewReader(conn)
	method, _, _ := strings.Cut(text, " ")
	response, err := http.ReadResponse(rest, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	got := answer{Response: response, conn: conn, rest: rest}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return got
	}
	defer func() { _ = response.Body.Close() }()
	if got.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatalf("read the body: %v", err)
	}
	return got
}

// frame is a whole frame of a client, masked with zeros: a mask is required
// (RFC 6455 5.3), its value is not looked at.
func frame(opcode byte, payload string) string {
	if len(payload) > 125 {
		long := binary.BigEndian.AppendUint16([]byte{0x80 | opcode, 0x80 | 126}, uint16(len(payload)))
		return string(long) + "\x00\x00\x00\x00" + payload
	}
	return string([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// readFrame reads a short frame of the server.
func (a answer) readFrame(t *testing.T) (opcode byte, payload string) {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(a.rest, head); err != nil {
		t.Fatalf("read a frame: %v", err)
	}
	size := int(head[1])
	if size == 126 {
		if _, err := io.ReadFull(a.rest, head); err != nil {
			t.Fatalf("read the length of a frame: %v", err)
		}
		size = int(binary.BigEndian.Uint16(head))
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(a.rest, body); err != nil {
		t.Fatalf("read a frame of %d: %v", size, err)
	}
	return head[0] & 0x0f, string(body)
}

// readClose reads frames up to the close frame.
func (a answer) readClose(t *testing.T) (code int, reason string) {
	t.Helper()
	for {
		opcode, payload := a.readFrame(t)
		if opcode != opClose {
			continue
		}
		if len(payload) < 2 {
			return 1005, ""
		}
		return int(binary.BigEndian.Uint16([]byte(payload))), payload[2:]
	}
}

// row is one handshake and its expected result. $T in the request is the token
// of a ticket made for the row.
type row struct {
	rule    string
	request string
	status  int
	code    string // of the problem; empty if net/http answers by itself
	burned  bool   // whether the ticket is worthless afterwards
}

// check sends the handshake of a row, and then the ticket once more in a good
// handshake.
func (f *fixture) check(t *testing.T, tt row) answer {
	t.Helper()
	issued := f.issue(nil)
	token := issued.Token.Reveal()
	calls := f.redeemed.Load()
	got := f.send(t, strings.ReplaceAll(tt.request, "$T", token))
	if got.StatusCode != tt.status || problemCode(got.body) != tt.code {
		t.Errorf("answer %d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.code)
	}
	if asked := f.redeemed.Load() - calls; !tt.burned && asked != 0 {
		t.Errorf("the redeemer was asked %d times, want 0", asked)
	}
	f.noneOf(t, got, token, marker, base64.StdEncoding.EncodeToString([]byte(marker)))

	again := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	want := http.StatusSwitchingProtocols
	if tt.burned {
		want = http.StatusUnauthorized
	}
	if again.StatusCode != want {
		t.Errorf("the same ticket again: status %d, want %d", again.StatusCode, want)
	}
	return got
}

// noneOf checks that no secret is in the answer, in the log or in one of the
// last events.
func (f *fixture) noneOf(t *testing.T, got answer, secrets ...string) {
	t.Helper()
	var header strings.Builder
	if got.Response != nil {
		_ = got.Header.Write(&header)
	}
	var events strings.Builder
	for _, e := range f.events.Last(10) {
		e.Err = nil // its text is for nobody
		fmt.Fprintf(&events, "%+v\n", e)
	}
	for where, text := range map[string]string{
		"header": header.String(), "body": string(got.body), "log": f.logs.String(), "events": events.String(),
	} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", where, secret, text)
			}
		}
	}
}
