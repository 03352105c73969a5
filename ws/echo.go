package ws

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"wsticket/ticket"
)

// echoTimeout bounds each write, so that a peer that does not read is cut.
const echoTimeout = 10 * time.Second

// Echo is an [Endpoint] for trials. It sends one text message,
//
//	{"type":"hello","userId":"alice","connectionId":"…","expiresAt":"2026-11-22T14:00:30Z"}
//
// and then returns every message to its sender. Subjects of up to 22 ASCII
// characters make a greeting of under 126 bytes, which has a two-byte header
// and so can be read in a terminal. Text that is not UTF-8 is close code 1007
// (RFC 6455 8.1); the library does not check it.
func Echo(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
	kind, message := websocket.MessageText, greet("hello", grant)
	for {
		if err := echo(ctx, conn, kind, message); err != nil {
			return err
		}
		var err error
		kind, message, err = conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if kind == websocket.MessageText && !utf8.Valid(message) {
			return websocket.CloseError{Code: websocket.StatusCode(ticket.EndNotUTF8.Code), Reason: ticket.EndNotUTF8.Reason}
		}
	}
}

func echo(ctx context.Context, conn *websocket.Conn, kind websocket.MessageType, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, echoTimeout)
	defer cancel()
	if err := conn.Write(ctx, kind, message); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
