package api_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// open enters a connection of somebody, which closes as soon as it is ended.
func (h *house) open(tb testing.TB, id ticket.ID, who ticket.Identity) {
	tb.Helper()
	c := &live.Connection{
		Grant:        ticket.Grant{ID: id, Identity: who, Audience: "chat", ConnectionExpiresAt: time.Now().Add(time.Hour)},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery, ClientIP: netip.MustParseAddr("192.0.2.7")},
	}
	if err := h.live.Add(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
	c.Attach(closer{c})
}

type closer struct{ *live.Connection }

func (c closer) End(e ticket.Ending) { c.Ended(context.Background(), ticket.Closed{Code: e.Code}) }
func (c closer) Cut()                {}

func (h *house) keyed(tb testing.TB, method, target, key string) *httptest.ResponseRecorder {
	tb.Helper()
	return h.internal(tb, newRequest(tb, method, target, "", "Authorization", "Bearer "+key))
}

const idA, idB = "AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"

func TestConnections(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.open(t, idA, test.Alice())
	h.open(t, idB, test.Bob())
	w := h.keyed(t, http.MethodGet, "/connections?all=true&limit=1", "read-key")
	for _, want := range []string{
		`"connection_id":"` + idA + `"`, `"sub":"alice"`, `"sid":"s-alice"`, `"door":"query"`, `"client_ip":"192.0.2.7"`,
		`"next":"` + idA + `"`, `"partial":false`, `"connections":2}]`,
	} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
		}
	}
	w = h.keyed(t, http.MethodGet, "/connections?all=true&limit=1&cursor="+idA, "read-key")
	if body := w.Body.String(); !strings.Contains(body, idB) || strings.Contains(body, `"next"`) {
		t.Errorf("the last page: got %s, want B and no next", body)
	}
	w = h.keyed(t, http.MethodGet, "/connections?sub=carol", "read-key")
	if body := w.Body.String(); !strings.HasPrefix(body, `{"connections":[],"partial":false,"nodes":[{"name":`) || !strings.HasSuffix(body, `"connections":0}]}`) {
		t.Errorf("nobody: got %s, want an empty list of one process", body)
	}
}

func TestConnectionsQueries(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		query, key string
		status     int
		code       string
	}{
		{"", "read-key", 400, "invalid_request"},
		{"?sub=", "read-key", 400, "invalid_request"},
		{"?all=false", "read-key", 400, "invalid_request"},
		{"?all=1", "read-key", 400, "invalid_request"},
		{"?limit=10", "read-key", 400, "invalid_request"},
		{"?all=true&all=true", "read-key", 400, "invalid_request"},
		{"?sub=a&sub=b", "read-key", 400, "invalid_request"},
		{"?all=true&limit=0", "read-key", 400, "invalid_request"},
		{"?all=true&limit=501", "read-key", 400, "invalid_request"},
		{"?all=true&limit=x", "read-key", 400, "invalid_request"},
		{"?all=true&cursor=invented", "read-key", 400, "invalid_request"},
		{"?all=true&since=1", "read-key", 400, "invalid_request"},
		{"?sub=%zz", "read-key", 400, "invalid_request"},
		{"?sub=a;sid=b", "read-key", 400, "invalid_request"},
		{"?sub=read-key", "read-key", 400, "credential_in_url"},
		{"?key=x", "read-key", 400, "credential_in_url"},
		{"?sub=" + jwt, "read-key", 400, "credential_in_url"},
		{"?sub=" + unknownToken, "read-key", 400, "credential_in_url"},
		{"?sub=" + jwt, "unknown-key", 400, "credential_in_url"},
		{"?all=true", "revoke-key", 403, "insufficient_scope"},
		{"?all=true", "ops-key", 403, "insufficient_scope"},
		{"?all=true", "unknown-key", 401, "invalid_token"},
		{"?sub=alice", "read-key", 200, ""},
		{"?all=true&limit=500&cursor=" + unknownID, "every-key", 200, ""},
	} {
		expect(t, row.query+" "+row.key, h.keyed(t, http.MethodGet, "/connections"+row.query, row.key), row.status, row.code)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.open(t, idA, test.Alice())
	for _, row := range []struct {
		rule, path, key string
		status          int
		code            string
	}{
		{"without the scope", idA, "read-key", 403, "insufficient_scope"},
		{"a key with audiences", idA, "ops-key", 403, "insufficient_scope"},
		{"a query", idA + "?all=true", "revoke-key", 400, "invalid_request"},
		{"somebody's", idA, "revoke-key", 204, ""},
		{"once more", idA, "revoke-key", 404, "not_found"},
		{"unknown", unknownID, "revoke-key", 404, "not_found"},
		{"no ID", "x", "revoke-key", 404, "not_found"},
	} {
		expect(t, row.rule, h.keyed(t, http.MethodDelete, "/connections/"+row.path, row.key), row.status, row.code)
	}
}

// unreachablePeers is a service whose other processes cannot be asked.
type unreachablePeers struct{}

func (unreachablePeers) List(context.Context, live.Query) (live.Listing, error) {
	return live.Listing{}, ticket.ErrUnavailable
}

func (unreachablePeers) Disconnect(context.Context, ticket.ID) error { return ticket.ErrUnavailable }

// partial is a service of which a process does not answer.
type partial struct{ unreachablePeers }

func (partial) List(context.Context, live.Query) (live.Listing, error) {
	return live.Listing{Missing: []string{"n2"}}, nil
}

func TestConnectionsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.Connections = partial{} })
	want := `{"connections":[],"partial":true,"nodes":[],"missing":["n2"]}`
	if w := h.keyed(t, http.MethodGet, "/connections?all=true", "read-key"); w.Code != 200 || w.Body.String() != want {
		t.Errorf("got %d %s, want 200 %s", w.Code, w.Body, want)
	}
	h = newHouse(t, func(o *parts) { o.Connections = unreachablePeers{} })
	expect(t, "list", h.keyed(t, http.MethodGet, "/connections?all=true", "read-key"), 503, "unavailable")
	expect(t, "cut", h.keyed(t, http.MethodDelete, "/connections/"+idA, "revoke-key"), 503, "unavailable")
}

func TestDrain(t *testing.T) {
	t.Parallel()
	var delays []time.Duration
	h := newHouse(t, func(o *parts) {
		shut := o.Drain
		o.Drain = func(ctx context.Context, delay time.Duration) live.Drained {
			if err := ctx.Err(); err != nil {
				t.Errorf("got a context that has ended: %v", err)
			}
			delays = append(delays, delay)
			return shut(ctx, delay)
		}
	})
	h.open(t, idA, test.Alice())
	ask := func(body, key string) *httptest.ResponseRecorder {
		r := newRequest(t, http.MethodPost, "/drain", body, "Authorization", "Bearer "+key, "Content-Type", asJSON)
		ctx, cancel := context.WithCancelCause(r.Context())
		cancel(errors.New("the caller does not wait"))
		return h.internal(t, r.WithContext(ctx))
	}
	for _, body := range []string{`{"delay":0}`, `{"delay":-1}`, `{"delay":601}`, `{"delay":"5s"}`, `{"delays":5}`, `[]`} {
		expect(t, body, ask(body, "revoke-key"), 400, "invalid_request")
	}
	expect(t, "without the scope", ask("", "read-key"), 403, "insufficient_scope")
	expect(t, "a key with audiences", ask("", "ops-key"), 403, "insufficient_scope")
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		foreign := verified(newRequest(t, http.MethodPost, "/drain", "", name, value), &x509.Certificate{Subject: pkix.Name{CommonName: "ops"}})
		expect(t, "a foreign page in the browser of an operator, by "+name, h.internal(t, foreign), 401, "missing_credential")
	}
	expect(t, "a query", h.keyed(t, http.MethodPost, "/drain?delay=5", "revoke-key"), 400, "invalid_request")
	if len(delays) > 0 {
		t.Fatalf("a refused request has drained, with %v", delays)
	}
	for body, want := range map[string]string{"": `{"connections":1,"closed":1,"cut":0}`, `{"delay":5}`: `{"connections":1,"closed":1,"cut":0}`} {
		if w := ask(body, "revoke-key"); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%q: got %d %s, want 200 %s", body, w.Code, w.Body, want)
		}
	}
	if len(delays) != 2 || delays[0]+delays[1] != 5*time.Second {
		t.Errorf("drained with %v, want no delay and 5 s", delays)
	}
}
