package api_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"wsticket/live"
	"wsticket/ticket"
)

// feedReader reads server-sent events.
type feedReader struct {
	lines  *bufio.Scanner
	cursor string
}

// openFeed opens the feed of a key.
func (h *house) openFeed(t *testing.T, url, key, since string) *feedReader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/endings?since="+since, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := new(http.Client).Do(r) // ctx bounds it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("got %d %s, want 200 text/event-stream", answer.StatusCode, kind)
	}
	return &feedReader{lines: bufio.NewScanner(answer.Body)}
}

// next returns the next event as its name and data.
func (f *feedReader) next(t *testing.T) string {
	t.Helper()
	name, data := "", ""
	for f.lines.Scan() {
		line := f.lines.Text()
		if value, ok := strings.CutPrefix(line, "id: "); ok {
			f.cursor = value
		} else if value, ok := strings.CutPrefix(line, "event: "); ok {
			name = value
		} else if value, ok := strings.CutPrefix(line, "data: "); ok {
			data = value
		}
		if line == "" && data != "" {
			return name + " " + data
		}
	}
	t.Fatalf("the feed has ended: %v", f.lines.Err())
	return ""
}

func TestEndings(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	server := httptest.NewServer(h.Internal())
	t.Cleanup(server.Close)
	feed := h.openFeed(t, server.URL, "consume-key", "")
	made := h.mustIssue(t, "")
	h.redeems(t, "with a feed", `{"ticket":"`+made.Ticket+`","client_ip":"192.0.2.7"}`)
	other := h.mustIssue(t, "")
	if w := h.internal(t, newRequest(t, http.MethodPost, "/consume", `{"ticket":"`+other.Ticket+`"}`,
		"Authorization", "Bearer every-key", "Content-Type", "application/json")); !strings.HasPrefix(w.Body.String(), `{"active":true`) {
		t.Errorf("another key: got %s", w.Body)
	}
	w := h.keyed(t, http.MethodDelete, "/connections/"+made.ID, "revoke-key")
	for w.Code == http.StatusNotFound { // until the feed has read the grant
		w = h.keyed(t, http.MethodDelete, "/connections/"+made.ID, "revoke-key")
	}
	want := `ended {"ticket_id":"` + made.ID + `","connection_id":"` + made.ID + `","reason":"wsticket: revoked","code":4003,"at":"2026-11-23T12:00:00Z"}`
	if got := feed.next(t); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	expect(t, "another key's connection is in no registry", h.keyed(t, http.MethodDelete, "/connections/"+other.ID, "revoke-key"), 404, "not_found")
	expect(t, "another key's cursor", h.keyed(t, http.MethodGet, "/endings?since="+feed.cursor, "every-key"), 410, "not_found")
	again := h.openFeed(t, server.URL, "consume-key", "")
	if got := again.next(t); got != want {
		t.Errorf("from the beginning: got  %s\nwant %s", got, want)
	}
	if _, err := h.live.Renew(t.Context(), ticket.ID(made.ID), ticket.Identity{}); !errors.Is(err, ticket.ErrNotFound) {
		t.Errorf("renewed after its end: got %v, want ErrNotFound", err)
	}
}

// TestEndingsOfAReplacedServer: a stream ends, so that its caller is judged again.
func TestEndingsOfAReplacedServer(t *testing.T) {
	t.Parallel()
	replaced := make(chan struct{})
	h := newHouse(t, func(o *parts) { o.Replaced = replaced })
	server := httptest.NewServer(h.Internal())
	t.Cleanup(server.Close)
	feed := h.openFeed(t, server.URL, "consume-key", "")
	close(replaced)
	for feed.lines.Scan() {
		if id, ok := strings.CutPrefix(feed.lines.Text(), "id: "); ok {
			feed.cursor = id
		}
	}
	if feed.lines.Err() != nil || feed.cursor == "" {
		t.Errorf("the stream ended with %v and the cursor %q, want its end and a cursor", feed.lines.Err(), feed.cursor)
	}
}

func TestEndingsRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule, query, key string
		status           int
		code             string
	}{
		{"without the scope", "", "read-key", 403, "insufficient_scope"},
		{"an unknown key", "", "unknown-key", 401, "invalid_token"},
		{"an invented cursor", "?since=AAAA", "consume-key", 410, "not_found"},
		{"a cursor of another form", "?since=1-0", "consume-key", 410, "not_found"},
		{"another parameter", "?from=1", "consume-key", 400, "invalid_request"},
		{"two cursors", "?since=&since=", "consume-key", 400, "invalid_request"},
		{"a key", "?since=consume-key", "consume-key", 400, "credential_in_url"},
		{"a ticket", "?since=" + unknownToken, "consume-key", 400, "credential_in_url"},
	} {
		expect(t, row.rule, h.keyed(t, http.MethodGet, "/endings"+row.query, row.key), row.status, row.code)
	}
	h = newHouse(t, func(o *parts) { o.Feeds = fullFeeds{} })
	expect(t, "too many", h.keyed(t, http.MethodGet, "/endings", "consume-key"), 429, "rate_limited")
	made := h.mustIssue(t, "")
	expect(t, "a grant that cannot be noted", h.consume(t, `{"ticket":"`+made.Ticket+`"}`), 503, "unavailable")
}

// fullFeeds opens no feeds.
type fullFeeds struct{}

func (fullFeeds) Granted(context.Context, string, ticket.Grant, netip.Addr) error {
	return ticket.ErrUnavailable
}

func (fullFeeds) Open(context.Context, string, string) (*live.Feed, error) { return nil, live.ErrFeeds }
