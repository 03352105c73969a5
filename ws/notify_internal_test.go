package ws

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// The client gets the text as a message of its own.
func TestNotifyOfAnEndpoint(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		e := &endpointConn{conn: conn}
		e.Notify([]byte("notice"))
		_, _, _ = conn.Read(r.Context()) // until the client leaves
	}))
	t.Cleanup(server.Close)
	client, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.CloseNow() }()
	kind, got, err := client.Read(t.Context())
	if err != nil || kind != websocket.MessageText || string(got) != "notice" {
		t.Errorf("got %v %q, %v, want the text", kind, got, err)
	}
}
