package trial

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"wsticket/gate"
	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

const (
	// maxRacers is how many handshakes there are at once at most.
	maxRacers = 100
	// raceTimeout bounds a race.
	raceTimeout = 10 * time.Second
)

// race is the body of POST /demo/handshakes.
type race struct {
	Ticket string `json:"ticket"`
	// Count is how many present the ticket, at the same time.
	Count int `json:"count"`
	// Elsewhere is true for handshakes without the Origin of the page, as a program
	// makes them that has found the ticket.
	Elsewhere bool `json:"elsewhere"`
}

// handshake is how one ended: its status, or the code of what was closed at once, 0
// without an answer; and how long it took.
type handshake struct {
	Status int     `json:"status"`
	Millis float64 `json:"ms"`
}

// handshakes serves POST /demo/handshakes. It makes handshakes with a ticket, which a
// page cannot: a browser makes those to one host one after the other. They are real
// ones, over the network, and are answered in the order in which they ended.
func (t *Trial) handshakes(w http.ResponseWriter, r *http.Request) error {
	var body race
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if _, err := ticket.ParseToken(body.Ticket); err != nil {
		return invalid("ticket: must be a ticket")
	}
	if body.Count < 1 || body.Count > maxRacers {
		return invalid(fmt.Sprintf("count: must be 1 to %d", maxRacers))
	}
	request, err := t.handshakeRequest(r, body)
	if err != nil {
		return err
	}
	if !t.racing.TryLock() {
		return gate.ErrLimited
	}
	defer t.racing.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), raceTimeout)
	defer cancel()
	return writeJSON(w, map[string][]handshake{"handshakes": t.race(ctx, request, body.Count)})
}

// handshakeRequest returns the handshake at a door for tickets that is open. It lacks
// its key.
func (t *Trial) handshakeRequest(page *http.Request, body race) (*http.Request, error) {
	request, err := http.NewRequestWithContext(page.Context(), http.MethodGet, "http://"+t.o.Address+t.o.Path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("trial: handshake: %w", err)
	}
	request.Host = page.Host
	request.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if !body.Elsewhere {
		request.Header.Set("Origin", originOf(page))
	}
	switch {
	case t.isOpen(ticket.DoorQuery):
		request.URL.RawQuery = t.o.Parameter + "=" + body.Ticket
	case t.isOpen(ticket.DoorSubprotocol):
		request.Header.Set("Sec-Websocket-Protocol", "wsticket.v1, ticket."+body.Ticket)
	case t.isOpen(ticket.DoorHeader):
		request.Header.Set("Authorization", "Ticket "+body.Ticket)
	default:
		return nil, invalid("no door for tickets is open in a handshake: see --set ws.doors")
	}
	return request, nil
}

// race makes the same handshake many times at once: all are connected before the first
// one is sent.
func (t *Trial) race(ctx context.Context, request *http.Request, count int) []handshake {
	var (
		connected, running sync.WaitGroup
		mu                 sync.Mutex
		results            = make([]handshake, 0, count)
		start              = make(chan struct{})
	)
	connected.Add(count)
	for range count {
		running.Go(func() {
			racer := t.connect(ctx, request)
			connected.Done()
			<-start
			result := racer.run(request, t.o.AcceptThenClose)
			mu.Lock()
			defer mu.Unlock()
			results = append(results, result)
		})
	}
	connected.Wait()
	close(start)
	running.Wait()
	return results
}

// racer is a connection with a handshake that has not been sent. conn is nil where
// there is none.
type racer struct {
	conn  net.Conn
	bytes bytes.Buffer
}

// connect prepares a handshake. Each has a key of its own: with the same key it would
// be the same attempt, and get the same answer.
func (t *Trial) connect(ctx context.Context, request *http.Request) *racer {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	own := request.Clone(ctx)
	own.Header.Set("Sec-Websocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	r := new(racer)
	_ = own.Write(&r.bytes) // into memory
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.o.Address)
	if err != nil {
		return r
	}
	r.conn = conn
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	return r
}

// run sends the handshake, and says goodbye where it was let in.
func (r *racer) run(request *http.Request, acceptThenClose bool) (result handshake) {
	if r.conn == nil {
		return handshake{}
	}
	defer func() { _ = r.conn.Close() }()
	began := time.Now()
	defer func() { result.Millis = float64(time.Since(began).Microseconds()) / 1000 }()
	if _, err := r.conn.Write(r.bytes.Bytes()); err != nil {
		return result
	}
	in := bufio.NewReader(r.conn)
	answer, err := http.ReadResponse(in, request)
	if err != nil {
		return result
	}
	result.Status = answer.StatusCode
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return result
	}
	if acceptThenClose {
		if code, closed := r.closeCode(in); closed {
			result.Status = int(code)
		}
	}
	_, _ = r.conn.Write(wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(1000, ""), &[4]byte{}))
	return result
}

// closeCode returns the code of the Close frame, if that is the first frame to come.
func (r *racer) closeCode(in *bufio.Reader) (code uint16, closed bool) {
	first, err := in.Peek(4)
	header, size, _ := wsframe.ParseHeader(first)
	if err != nil || header.Opcode != wsframe.Close || size != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(first[size:]), true
}
