package live

import (
	"time"

	"wsticket/ticket"
)

// NewMemoryFeed returns the feed of a default [FeedOptions].Store.
func NewMemoryFeed() ticket.FeedStream {
	return (&memoryFeeds{now: time.Now}).Feed("")
}
