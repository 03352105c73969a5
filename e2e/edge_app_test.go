//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// caseHeader carries the name of a handshake to the application.
const caseHeader = "X-Case"

// appProtocol is the only subprotocol that the application supports.
const appProtocol = "chat.v2"

// handshaken is a handshake as the application got it.
type handshaken struct {
	uri    string
	header http.Header
}

// witness is a WebSocket server that knows nothing of tickets, echoes messages and
// records handshakes.
type witness struct {
	addr   string
	greets bool // tell each client the user that the proxy has named
	mu     sync.Mutex
	seen   map[string][]handshaken // by case
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
	// The origin has been checked already.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{appProtocol}})
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // the test is over
	if hello := fmt.Sprintf(`{"type":"hello","userId":%q}`, r.Header.Get("X-Auth-Request-User")); a.greets && conn.Write(r.Context(), websocket.MessageText, []byte(hello)) != nil {
		return
	}
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// handshakes returns the recorded handshakes with a name.
func (a *witness) handshakes(name string) []handshaken {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[name]
}
