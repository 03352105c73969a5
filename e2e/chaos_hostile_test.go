//go:build e2e

package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// hostility is how long a hostile client goes on with what it does to one connection.
const hostility = 3 * time.Second

// attacker is a hostile client. It has an address of its own, so that limits for each
// address are not used up by it.
type attacker struct {
	*chaos

	dice *dice
	from string
}

// attack is something that a hostile client does. It returns what it was told.
type attack struct {
	name string
	do   func(ctx context.Context, h attacker, s server) (answer, error)
}

// attacks returns what hostile clients do. Nothing of it is admitted, or it is admitted
// and then cut.
func attacks() []attack {
	return []attack{
		{"garbage", raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")},
		{"a request line that never ends", raw("GET /" + strings.Repeat("x", 256<<10))},
		{"huge headers", raw("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Huge: " + strings.Repeat("x", 256<<10) + "\r\n\r\n")},
		{"half a handshake", raw("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso")},
		{"headers byte by byte", dripHeaders},
		{"a hundred idle connections", idleConnections},
		{"a body that never comes", raw("POST /ws-ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{")},
		{"an invented ticket", inventTicket},
		{"a forged bearer", forgeBearer},
		{"a bearer in the URL", bearerInURL},
		{"a ticket from a foreign page", foreignPage},
		{"a ticket for another path", ticketForAnotherPath},
		{"a ticket in X-Request-Id", ticketInRequestID},
		{"a spent ticket in other headers", ticketBesideTicket},
		{"a question of no proxy", askUninvited},
		{"a receipt of somebody else", foreignReceipt},
		{"a wrong API key", wrongKey},
		{"a first message that never comes", silentSocket},
		{"a first message that is garbage", firstMessage("\x81\x80\x00\x00\x00\x00" + "\x83\x80\x00\x00\x00\x00")},
		{"an unmasked frame", badFrame(ws.MustCompileFrame(ws.NewTextFrame([]byte("hello"))))},
		{"a reserved opcode", badFrame([]byte("\x83\x80\x00\x00\x00\x00"))},
		{"a fragmented ping", badFrame([]byte("\x09\x80\x00\x00\x00\x00"))},
		{"a message over the limit", badFrame(ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(make([]byte, mebibyte)))))},
		{"a client that never reads", neverRead},
	}
}

// assault makes one attack at any node.
func (c *chaos) assault(ctx context.Context, d *dice, player int) {
	all := attacks()
	next := all[d.IntN(len(all))]
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := next.do(ctx, attacker{c, d, fmt.Sprint("127.0.0.", 2+player)}, c.any(d))
	c.ledger.answered("hostile: "+next.name, got, err)
}

// raw returns an attack that sends bytes and waits.
func raw(bytes string) func(ctx context.Context, h attacker, s server) (answer, error) {
	return func(ctx context.Context, h attacker, s server) (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, hostility)
		defer cancel()
		return h.never(ctx, s.public, bytes)
	}
}

// never sends a request that must not be admitted.
func (h attacker) never(ctx context.Context, addr, request string) (answer, error) {
	_, got, err := dialAndOpen(ctx, addr, h.from, request)
	if err == nil && got.status < http.StatusBadRequest {
		h.ledger.wrongf("%d for %.60q", got.status, request)
	}
	return got, err
}

func dripHeaders(ctx context.Context, h attacker, s server) (answer, error) {
	conn, err := dialFrom(ctx, s.public, h.from)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, hostility)
	defer cancel()
	request, sent := doorQuery.handshake(s.public, "wst1_", "X-Slow: "+strings.Repeat("x", 4096)), 0
	repeat(ctx, func() {
		if _, err = io.WriteString(conn, request[sent:sent+1]); err != nil {
			cancel()
		}
		sent++
	})
	return answer{code: "given up after some seconds"}, err
}

// idleConnections opens connections and sends nothing.
func idleConnections(ctx context.Context, h attacker, s server) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, hostility)
	defer cancel()
	for range 100 {
		conn, err := dialFrom(ctx, s.public, h.from)
		if err != nil {
			return answer{}, err
		}
		defer conn.Close()
	}
	<-ctx.Done()
	return answer{code: "given up after some seconds"}, nil
}

func inventTicket(ctx context.Context, h attacker, s server) (answer, error) {
	// The grammar is right but for the checksum, or nearly.
	token := fmt.Sprintf("wst1_%043d%06d", h.dice.Uint32(), h.dice.IntN(1_000_000))
	a := h.ledger.begin(hostile, "")
	return h.never(ctx, s.public, doorQuery.handshake(s.public, token, attemptHeader+": "+a.name))
}

// forgeBearer changes a valid bearer: another subject, no signature, another algorithm.
func forgeBearer(ctx context.Context, h attacker, s server) (answer, error) {
	parts := strings.Split(h.bearer(h.dice), ".")
	encode := base64.RawURLEncoding.EncodeToString
	switch h.dice.IntN(4) {
	case 0:
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		parts[1] = encode([]byte(strings.NewReplacer("alice", "admin", "bob", "admin", "carol", "admin").Replace(string(claims))))
	case 1:
		parts[0], parts[2] = encode([]byte(`{"alg":"none","typ":"at+jwt"}`)), ""
	case 2:
		parts[0] = encode([]byte(`{"alg":"HS256","typ":"at+jwt"}`))
	default:
		parts[0] = encode(fmt.Appendf(nil, `{"alg":"ES256","typ":"at+jwt","kid":"%d"}`, h.dice.Uint64()))
	}
	forgery := strings.Join(parts, ".")
	if got, _, err := h.client.issue(ctx, s, forgery); err == nil && got.Token != "" {
		h.ledger.wrongf("a ticket for a forged bearer")
	}
	return h.never(ctx, s.public, withBearer(s, forgery, h.ledger.begin(hostile, "")))
}

func bearerInURL(ctx context.Context, h attacker, s server) (answer, error) {
	a := h.ledger.begin(hostile, "")
	return h.never(ctx, s.public, doorQuery.handshake(s.public, h.bearer(h.dice), attemptHeader+": "+a.name))
}

// withTicket gets a ticket for an attack.
func withTicket(ctx context.Context, h attacker, s server, do func(got issued) (answer, error)) (answer, error) {
	got, ok := h.issue(ctx, "a hostile client", s, h.bearer(h.dice))
	if !ok {
		return answer{code: "no ticket"}, nil
	}
	return do(got)
}

func foreignPage(ctx context.Context, h attacker, s server) (answer, error) {
	return withTicket(ctx, h, s, func(got issued) (answer, error) {
		a := h.ledger.begin(hostile, got.ID)
		return h.never(ctx, s.public, doorQuery.handshake(s.public, got.Token, "Origin: https://foreign.example", attemptHeader+": "+a.name))
	})
}

func ticketForAnotherPath(ctx context.Context, h attacker, s server) (answer, error) {
	got, a, err := h.client.issueFor(ctx, s, h.bearer(h.dice), "admin")
	h.ledger.answered("a hostile client asks for a ticket", a, err)
	if err != nil || got.Token == "" {
		return answer{code: "no ticket"}, nil
	}
	h.ledger.keep(got)
	attempt := h.ledger.begin(hostile, got.ID)
	return h.never(ctx, s.public, doorQuery.handshake(s.public, got.Token, attemptHeader+": "+attempt.name))
}

// askUninvited asks about a handshake like nginx, without being a proxy that may.
func askUninvited(ctx context.Context, h attacker, s server) (answer, error) {
	return withTicket(ctx, h, s, func(got issued) (answer, error) {
		h.ledger.begin(hostile, got.ID)
		return h.never(ctx, s.internal, questionOfNginx(s, got.Token))
	})
}

func ticketInRequestID(ctx context.Context, h attacker, s server) (answer, error) {
	return withTicket(ctx, h, s, func(got issued) (answer, error) {
		a, id := h.ledger.begin(hostile, got.ID), got.Token
		if h.dice.IntN(2) == 0 {
			id = id[len("wst1_"):] // could be the ID of a request
		}
		return h.never(ctx, s.public, doorQuery.handshake(s.public, "wst1_", "X-Request-Id: "+id, attemptHeader+": "+a.name))
	})
}

// ticketBesideTicket is admitted with one ticket, and has a spent one in other places.
func ticketBesideTicket(ctx context.Context, h attacker, s server) (answer, error) {
	return withTicket(ctx, h, s, func(spent issued) (answer, error) {
		h.consume(ctx, "a hostile client spends a ticket", s, spent)
		return withTicket(ctx, h, s, func(got issued) (answer, error) {
			a := h.ledger.begin(relayed, got.ID)
			request := doorQuery.handshake(s.public, got.Token, attemptHeader+": "+a.name, "X-Request-Id: "+spent.Token[len("wst1_"):],
				"X-Original-Uri: /ws?ticket="+spent.Token, "X-Forwarded-Uri: /ws?ticket="+spent.Token)
			_, result, err := dialAndOpen(ctx, s.public, h.from, request)
			h.ledger.settle("a ticket beside a spent one", a, result, err)
			return result, err
		})
	})
}

func foreignReceipt(ctx context.Context, h attacker, s server) (answer, error) {
	got, ok := h.issue(ctx, "a hostile client", s, h.bearers[0][0])
	if !ok {
		return answer{code: "no ticket"}, nil
	}
	a, err := h.client.send(ctx, http.MethodDelete, "http://"+s.public+"/ws-ticket/"+got.ID, h.bearers[0][1])
	if err == nil && a.status < http.StatusBadRequest {
		h.ledger.wrongf("%d for a ticket of somebody else", a.status)
	}
	return a, err
}

func wrongKey(ctx context.Context, h attacker, s server) (answer, error) {
	a, err := h.client.post(ctx, "http://"+s.internal+"/consume", fmt.Sprint("guess-", h.dice.Uint64()), `{"ticket":"wst1_"}`)
	if err == nil && a.status < http.StatusBadRequest {
		h.ledger.wrongf("%d for a wrong API key", a.status)
	}
	return a, err
}

// silentSocket opens a WebSocket without a credential and says nothing.
func silentSocket(ctx context.Context, h attacker, s server) (answer, error) {
	return firstMessage("")(ctx, h, s)
}

// firstMessage opens a WebSocket without a credential and sends bytes.
func firstMessage(bytes string) func(ctx context.Context, h attacker, s server) (answer, error) {
	return func(ctx context.Context, h attacker, s server) (answer, error) {
		a := h.ledger.begin(hostile, "")
		conn, got, err := dialAndOpen(ctx, s.public, h.from, door("").handshake(s.public, "", attemptHeader+": "+a.name))
		if err != nil || !got.is(admitted) {
			return got, err
		}
		return h.end(ctx, conn, []byte(bytes))
	}
}

// end sends bytes on an open connection and waits for its end.
func (h attacker) end(ctx context.Context, conn gobwasConn, bytes []byte) (answer, error) {
	go func() { // ends with the connection
		_, _ = conn.Write(bytes)
	}()
	for {
		if e := conn.receive(ctx); e.Event == "closed" {
			return answer{code: e.String()}, nil
		}
	}
}

// badFrame returns an attack that is admitted and then sends what is not allowed.
func badFrame(frame []byte) func(ctx context.Context, h attacker, s server) (answer, error) {
	return func(ctx context.Context, h attacker, s server) (answer, error) {
		conn, got, err := h.connect(ctx, s)
		if err != nil || !got.is(admitted) {
			return got, err
		}
		return h.end(ctx, conn, frame)
	}
}

// connect is admitted with a bearer.
func (h attacker) connect(ctx context.Context, s server) (gobwasConn, answer, error) {
	a := h.ledger.begin(relayed, "")
	conn, got, err := dialAndOpen(ctx, s.public, h.from, withBearer(s, h.bearer(h.dice), a))
	h.ledger.settle("a hostile client with a bearer", a, got, err)
	return conn, got, err
}

// neverRead sends messages, whose echo it does not read.
func neverRead(ctx context.Context, h attacker, s server) (answer, error) {
	conn, got, err := h.connect(ctx, s)
	if err != nil || !got.is(admitted) {
		return got, err
	}
	_ = conn.SetWriteDeadline(time.Now().Add(hostility))
	message := make([]byte, 32<<10)
	for err == nil {
		err = wsutil.WriteClientBinary(conn, message)
	}
	return answer{}, err
}
