package ws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/store/memstore"
	"wsticket/ticket"
	"wsticket/ws"
)

// A program mounts the handler itself, and its application gets connections
// whose users are known.
func ExampleNew() {
	tickets, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer tickets.Close()
	service, err := ticket.New(ticket.Options{Store: tickets})
	if err != nil {
		panic(err)
	}
	judge, err := gate.New(gate.Options{
		Redeemer:           service,
		Origins:            []string{"https://app.example.com"},
		AllowMissingOrigin: true, // this example is a program
	})
	if err != nil {
		panic(err)
	}
	handler, err := ws.New(ws.Options{
		Gate: judge,
		Endpoint: func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
			return conn.Write(ctx, websocket.MessageText, []byte("welcome, "+grant.Identity.Subject))
		},
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	issued, err := service.Issue(ctx, ticket.Request{Identity: ticket.Identity{
		Issuer: "https://id.example.com", Subject: "alice", ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		panic(err)
	}
	for range 2 {
		conn, response, err := websocket.Dial(ctx, server.URL+"?ticket="+issued.Token.Reveal(), nil)
		if err != nil {
			fmt.Println(response.StatusCode, http.StatusText(response.StatusCode))
			continue
		}
		_, text, _ := conn.Read(ctx)
		fmt.Println(string(text))
		// The application has returned, and the handler closes.
		_, _, err = conn.Read(ctx)
		fmt.Println(websocket.CloseStatus(err))
	}
	// Output:
	// welcome, alice
	// StatusNormalClosure
	// 401 Unauthorized
}
