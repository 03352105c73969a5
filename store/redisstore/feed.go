package redisstore

import (
	"context"
	"fmt"

	"wsticket/ticket"
)

// feedKey follows the prefix, and the name of the feed follows it.
const feedKey = "{live}:feed:"

// Feeds are the streams of what keys have consumed, in a store.
type Feeds struct{ store *Store }

// Feeds returns the feeds of a store. They live as long as it does.
func (s *Store) Feeds() Feeds { return Feeds{s} }

// Feed implements [ticket.FeedStore].
func (f Feeds) Feed(name string) ticket.FeedStream {
	key := f.store.prefix + feedKey + name
	return feed{namedStream{f.store, key, key + ":head"}}
}

type feed struct{ namedStream }

// Exists implements [ticket.FeedStream].
func (f feed) Exists(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	first, err := f.client.XRangeN(limited, f.key, "-", "+", 1).Result()
	if err != nil {
		return false, fmt.Errorf("look for a feed: %w", f.translate(ctx, err))
	}
	return len(first) > 0, nil
}
