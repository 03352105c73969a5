package redisstore_test

import (
	"errors"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// A feed is a stream of its own.
func TestFeedsAreApart(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	mine, others := s.Feeds().Feed("a"), s.Feeds().Feed("b")
	if exists, err := mine.Exists(t.Context()); err != nil || exists {
		t.Errorf("before: got %t, %v; want no feed", exists, err)
	}
	mustAppend(t, s, "revocation")
	mustAppend(t, mine, "one", "two")
	if exists, err := openStore(t, server.URL()).Feeds().Feed("a").Exists(t.Context()); err != nil || !exists {
		t.Errorf("after: got %t, %v; want the feed", exists, err)
	}
	if exists, err := others.Exists(t.Context()); err != nil || exists {
		t.Errorf("another one: got %t, %v; want no feed", exists, err)
	}
	(&reader{from: mine}).want(t, "the feed", true, false, "one", "two")
	(&reader{from: s}).want(t, "the revocations", true, false, "revocation")
	hasty := openHasty(t, server.URL()).Feeds().Feed("a")
	server.Freeze()
	if _, err := hasty.Exists(t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("a server that does not answer: got %v, want ErrUnavailable", err)
	}
	server.Thaw()
}
