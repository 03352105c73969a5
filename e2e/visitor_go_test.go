//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// connection is what the two libraries have in common. The event of receive and close
// may be that the connection is closed.
type connection interface {
	send(ctx context.Context, text string) error
	receive(ctx context.Context) event
	close(ctx context.Context, code int) event
}

// inProcess makes a visitor of a library. The event of dial says how it went, and the
// connection is nil if it was refused.
func inProcess(name string, dial func(ctx context.Context, o order) (connection, event, error)) visitor {
	return visitor{name: name, visit: func(ctx context.Context, orders ...order) ([][]event, error) {
		var all [][]event
		for _, o := range orders {
			conn, first, err := dial(ctx, o)
			if err != nil {
				return nil, err
			}
			events := []event{first}
			if conn != nil {
				later, err := follow(ctx, conn, o.Steps)
				events = append(events, later...)
				if err != nil {
					_ = conn.close(ctx, 1000) // also where the peer is gone
					return append(all, events), err
				}
			}
			all = append(all, events)
		}
		return all, nil
	}}
}

// follow takes the steps of an order until the connection is closed.
func follow(ctx context.Context, conn connection, steps []step) ([]event, error) {
	var events []event
	for _, s := range steps {
		switch {
		case s.Send != "":
			if err := conn.send(ctx, s.Send); err != nil {
				return events, err
			}
		case s.Receive:
			events = append(events, conn.receive(ctx))
		case s.Close != 0:
			events = append(events, conn.close(ctx, s.Close))
		default:
			return nil, fmt.Errorf("a step that is for scripts only: %+v", s)
		}
		if len(events) > 0 && events[len(events)-1].Event == "closed" {
			return events, nil
		}
	}
	return events, nil
}

// messageEvent describes a message.
func messageEvent(isText bool, data []byte) event {
	digest := sha256.Sum256(data)
	e := event{Event: "message", Bytes: len(data), SHA256: hex.EncodeToString(digest[:])}
	if isText && len(data) < 1024 && utf8.Valid(data) {
		e.Text = string(data)
	}
	return e
}

// coder is a visitor that uses github.com/coder/websocket.
func coder() visitor {
	return inProcess("coder/websocket", func(ctx context.Context, o order) (connection, event, error) {
		options := &websocket.DialOptions{Subprotocols: o.Protocols, HTTPHeader: make(http.Header)}
		for name, value := range o.Headers {
			options.HTTPHeader.Set(name, value)
		}
		conn, res, err := websocket.Dial(ctx, o.URL, options) //nolint:bodyclose // not needed, says Dial
		switch {
		case err == nil:
			conn.SetReadLimit(-1)
			return coderConn{conn}, event{Event: "open", Protocol: conn.Subprotocol()}, nil
		case res != nil:
			body, _ := io.ReadAll(res.Body) // its first kilobyte, in memory
			return nil, event{Event: "refused", Status: res.StatusCode, Body: string(body)}, nil
		}
		return nil, event{}, err
	})
}

type coderConn struct{ conn *websocket.Conn }

func (c coderConn) send(ctx context.Context, text string) error {
	return c.conn.Write(ctx, websocket.MessageText, []byte(text))
}

func (c coderConn) receive(ctx context.Context) event {
	kind, data, err := c.conn.Read(ctx)
	if err != nil {
		return coderClosed(err)
	}
	return messageEvent(kind == websocket.MessageText, data)
}

func (c coderConn) close(_ context.Context, code int) event {
	// It fails if the peer answers with another code.
	if err := c.conn.Close(websocket.StatusCode(code), ""); err != nil {
		return coderClosed(err)
	}
	return event{Event: "closed", Code: code}
}

// coderClosed describes the end of a connection.
func coderClosed(err error) event {
	if given, ok := errors.AsType[websocket.CloseError](err); ok {
		return event{Event: "closed", Code: int(given.Code), Reason: given.Reason}
	}
	return event{Event: "closed", Code: int(websocket.StatusAbnormalClosure)}
}

// gobwas is a visitor that uses github.com/gobwas/ws.
func gobwas() visitor {
	return inProcess("gobwas/ws", func(ctx context.Context, o order) (connection, event, error) {
		header := make(http.Header)
		for name, value := range o.Headers {
			header.Set(name, value)
		}
		dialer := ws.Dialer{Protocols: o.Protocols, Header: ws.HandshakeHeaderHTTP(header)}
		conn, early, shaken, err := dialer.Dial(ctx, o.URL)
		if refusal, ok := errors.AsType[ws.StatusError](err); ok {
			return nil, event{Event: "refused", Status: int(refusal)}, nil
		}
		if err != nil {
			return nil, event{}, err
		}
		if deadline, ok := ctx.Deadline(); ok {
			err = conn.SetDeadline(deadline)
		}
		if early == nil { // nothing came with the response
			early = bufio.NewReader(conn)
		}
		return gobwasConn{conn, early}, event{Event: "open", Protocol: shaken.Protocol}, err
	})
}

type gobwasConn struct {
	net.Conn

	early *bufio.Reader
}

// Read first returns what came together with the response to the handshake.
func (c gobwasConn) Read(p []byte) (int, error) { return c.early.Read(p) }

func (c gobwasConn) send(_ context.Context, text string) error {
	return wsutil.WriteClientText(c, []byte(text))
}

func (c gobwasConn) receive(context.Context) event {
	data, kind, err := wsutil.ReadServerData(c)
	if err != nil {
		return c.closed(err)
	}
	return messageEvent(kind == ws.OpText, data)
}

func (c gobwasConn) close(_ context.Context, code int) event {
	err := wsutil.WriteClientMessage(c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), ""))
	if err == nil {
		_, _, err = wsutil.ReadServerData(c)
	}
	return c.closed(err)
}

// closed describes the end of a connection, and closes its socket.
func (c gobwasConn) closed(err error) event {
	_ = c.Close()
	if given, ok := errors.AsType[wsutil.ClosedError](err); ok {
		return event{Event: "closed", Code: int(given.Code), Reason: given.Reason}
	}
	return event{Event: "closed", Code: 1006}
}
