//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// caseHeader names the handshake of a test, all the way to the application.
const caseHeader = "X-Case"

// appProtocol is the one subprotocol that the application knows.
const appProtocol = "chat.v2"

// handshaken is a handshake as the application got it.
type handshaken struct {
	uri    string
	header http.Header
}

// witness is a WebSocket server that knows nothing of tickets, answers
// whatever it is sent, and remembers the handshakes.
type witness struct {
	addr string
	mu   sync.Mutex
	seen map[string][]handshaken // by case
}

func newWitness(t testing.TB) *witness {
	t.Helper()
	a := &witness{seen: make(map[string][]handshaken)}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.addr = s.Listener.Addr().String()
	return a
}

// ServeHTTP echoes until the client leaves.
func (a *witness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	name := r.Header.Get(caseHeader)
	a.seen[name] = append(a.seen[name], handshaken{r.RequestURI, r.Header.Clone()})
	a.mu.Unlock()
	// Whose pages may connect has been decided.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{appProtocol}})
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // it ends either way
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// handshakes are those of a case.
func (a *witness) handshakes(name string) []handshaken {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[name]
}
