// What is around the sketch of endings in Go, which is only compiled.
package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ticket/remote"
)

func main() { _ = sketch }

func sketch(ctx context.Context, r *http.Request, grant ticket.Grant, conn *websocket.Conn, key string) {
	// the lines of the document
	_ = err
}
