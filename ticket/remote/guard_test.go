package remote_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ticket/remote"
)

const guardedID = "4B8xiXBODIlsV0VSjvtzly"

// feedService answers /consume with good, and the feed with what events has. It closes a
// feed at an empty event, and answers 410 to a cursor "old".
type feedService struct {
	events chan string
	since  chan string // the cursors of the feeds that were opened
}

func (f feedService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/consume" {
		answer(200, "application/json", good)(w, r)
		return
	}
	since := r.URL.Query().Get("since")
	f.since <- since
	if since == "old" {
		w.WriteHeader(http.StatusGone)
		return
	}
	control := http.NewResponseController(w)
	_, _ = io.WriteString(w, ": alive\n\n")
	_ = control.Flush()
	for {
		select {
		case e := <-f.events:
			if e == "" {
				return
			}
			_, _ = io.WriteString(w, e)
			_ = control.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// guard starts a service and a Guard that follows it.
func guard(t *testing.T) (*remote.Guard, feedService) {
	t.Helper()
	f := feedService{make(chan string), make(chan string, 100)}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	g, err := remote.NewGuard(remote.Options{URL: server.URL, Key: ticket.NewBearer(key), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	if _, err := g.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Fatalf("before the feed: got %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	if since := <-f.since; since != "" {
		t.Errorf("the first feed begins at %q", since)
	}
	return g, f
}

// admit redeems a ticket.
func admit(t *testing.T, g *remote.Guard) (context.Context, func()) {
	t.Helper()
	var grant ticket.Grant
	var err error
	test.Wait(t, "the answer of the feed", func() bool {
		grant, err = g.Redeem(t.Context(), token(t), ticket.Presentation{})
		return ticket.Reason(err) != "remote_feed"
	})
	if err != nil {
		t.Fatal(err)
	}
	return g.Context(t.Context(), grant.ID)
}

func wantCause(t *testing.T, rule string, ctx context.Context, want ticket.Ending) {
	t.Helper()
	<-ctx.Done()
	ended, ok := errors.AsType[*remote.EndedError](context.Cause(ctx))
	if !ok || ended.Ending != want {
		t.Errorf("%s: got %v, want %+v", rule, context.Cause(ctx), want)
	}
}

const revokedEvent = "event: ended\ndata: {\"ticket_id\":\"" + guardedID + "\",\"code\":4003,\"reason\":\"wsticket: revoked\"}\nid: one\n\n"

func TestGuardEndsAContext(t *testing.T) {
	t.Parallel()
	g, f := guard(t)
	ctx, release := admit(t, g)
	defer release()
	f.events <- "event: ended\ndata: {\"ticket_id\":\"5B8xiXBODIlsV0VSjvtzly\",\"code\":4003}\n\nevent: other\ndata: {}\n\nevent: ended\ndata: x\n\n"
	f.events <- revokedEvent
	wantCause(t, "revoked", ctx, ticket.EndRevoked)
	late, _ := g.Context(t.Context(), guardedID)
	wantCause(t, "asked for later", late, ticket.EndRevoked)
}

func TestGuardComesBackWithItsCursor(t *testing.T) {
	t.Parallel()
	g, f := guard(t)
	ctx, release := admit(t, g)
	defer release()
	f.events <- ": alive\nid: place\n\n"
	f.events <- ""
	if since := <-f.since; since != "place" {
		t.Errorf("came back with %q, want its cursor", since)
	}
	f.events <- ": alive\nid: old\n\n"
	f.events <- ""
	if since := <-f.since; since != "old" {
		t.Errorf("came back with %q, want its cursor", since)
	}
	if since := <-f.since; since != "" {
		t.Errorf("after 410 it came back with %q, want none", since)
	}
	if ctx.Err() != nil {
		t.Errorf("a feed that ends has ended the connection: %v", context.Cause(ctx))
	}
	f.events <- revokedEvent
	wantCause(t, "after all", ctx, ticket.EndRevoked)
}

func TestGuardReleases(t *testing.T) {
	t.Parallel()
	g, _ := guard(t)
	ctx, release := admit(t, g)
	release()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		t.Errorf("released: got %v, want Canceled", cause)
	}
}

func TestGuardOfARefusedKey(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(answer(403, "application/problem+json", "{}"))
	defer server.Close()
	g, err := remote.NewGuard(remote.Options{URL: server.URL, Key: ticket.NewBearer(key)})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Run(t.Context()); !errors.Is(err, remote.ErrKeyRefused) {
		t.Errorf("got %v, want ErrKeyRefused", err)
	}
	if _, err := remote.NewGuard(remote.Options{}); err == nil {
		t.Error("options with faults: got no error")
	}
}
