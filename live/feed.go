package live

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"wsticket/ticket"
)

const (
	purposeFeed   = "feed"
	purposeCursor = "cursor"
	// MaxFeeds bounds the feeds that one caller has open at a process at once.
	MaxFeeds = 16
	// feedKnown is how long it is believed whether a caller has a feed.
	feedKnown = 10 * time.Second
	// feedKept is how long a cursor is good. Stores keep entries longer.
	feedKept = 24 * time.Hour
	// feedMark is how often an open feed notes that it exists, so that its place in the
	// stream never becomes too old, and that the stream never becomes empty.
	feedMark = time.Hour
)

var (
	// ErrCursor is for cursors that are invented, of another caller, or too old.
	ErrCursor = errors.New("cursor is not of this feed or too old")
	// ErrFeeds is for a caller with [MaxFeeds] open feeds.
	ErrFeeds = errors.New("too many feeds")
)

// FeedOptions are the settings of [Feeds].
type FeedOptions struct {
	// Store keeps the feeds. Default: the memory of this process.
	Store ticket.FeedStore
	// SealKeys encrypt the entries and cursors: see [ticket.Options]. Default: one of this
	// process.
	SealKeys [][]byte
}

// Feeds tell callers of /consume, which have WebSocket servers of their own, which of
// their connections have to end. What a caller with a feed consumes is in the [Registry]
// like a connection while the feed is open, and in the store until it ends. It is safe
// for concurrent use.
type Feeds struct {
	r     *Registry
	store ticket.FeedStore
	seal  atomic.Pointer[ticket.Seal]

	restarts atomic.Uint64

	mu      sync.Mutex
	callers map[string]*feedCaller // by tag
}

// feedCaller is what a process knows of a caller.
type feedCaller struct {
	name   string // its tag
	stream ticket.FeedStream
	open   int         // guarded by Feeds.mu
	keeper *feedKeeper // likewise; nil while open is zero

	mu     sync.Mutex
	exists bool
	asked  time.Time
}

// NewFeeds returns the feeds of a registry. The error is a [*ticket.OptionError].
func NewFeeds(r *Registry, o FeedOptions) (*Feeds, error) {
	seal, err := ticket.NewSeal(o.SealKeys, purposeFeed, purposeCursor)
	if err != nil {
		faults := ticket.OptionErrors{Package: "live"}
		faults.Add("SealKeys", err)
		return nil, faults.Err()
	}
	if o.Store == nil {
		o.Store = &memoryFeeds{now: r.o.Now}
	}
	f := &Feeds{r: r, store: o.Store, callers: make(map[string]*feedCaller)}
	f.seal.Store(seal)
	return f, nil
}

// feedTag names the feed of a caller in a store. It does not depend on the seal keys,
// so that a feed goes on while they change.
func feedTag(caller string) string {
	digest := sha256.Sum256([]byte("wsticket feed 1\n" + caller))
	return base64.RawURLEncoding.EncodeToString(digest[:16])
}

// caller returns what is known of a caller. There are as many as API keys and client
// certificates.
func (f *Feeds) caller(name string) *feedCaller {
	tag := feedTag(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.callers[tag]
	if c == nil {
		c = &feedCaller{name: tag, stream: f.store.Feed(tag)}
		f.callers[tag] = c
	}
	return c
}

// has reports whether the caller has opened a feed, now or once. The store is asked at
// most every ten seconds.
func (c *feedCaller) has(ctx context.Context, now time.Time) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := now.Sub(c.asked); !c.asked.IsZero() && since >= 0 && since < feedKnown {
		return c.exists, nil
	}
	exists, err := c.stream.Exists(ctx)
	if err != nil {
		return false, err
	}
	c.exists, c.asked = exists, now
	return exists, nil
}

// Granted notes what a caller has consumed, if it has a feed. The error wraps
// [ticket.ErrUnavailable]: then the caller must not use the grant, of whose end it might
// not hear.
func (f *Feeds) Granted(ctx context.Context, caller string, g ticket.Grant, client netip.Addr) error {
	c := f.caller(caller)
	has, err := c.has(ctx, f.r.o.Now())
	if err == nil && has {
		g.Identity.Claims, g.Head = nil, ticket.Position{} // which another epoch never reaches
		err = f.append(ctx, c, feedEntry{Kind: feedGrant, ID: g.ID, Grant: &g, Client: client})
	}
	if err != nil {
		return fmt.Errorf("note a grant: %w", err)
	}
	return nil
}

// The kinds of entries.
const (
	feedOpened  = "opened"
	feedGrant   = "grant"
	feedRenewed = "renewed"
	feedEnded   = "ended"
)

// feedEntry is an entry of a feed, which is sealed in the store.
type feedEntry struct {
	Kind   string        `json:"kind"`
	Caller string        `json:"caller"` // so that entries of other feeds cannot be copied
	At     time.Time     `json:"at"`
	ID     ticket.ID     `json:"id,omitempty"`
	Grant  *ticket.Grant `json:"grant,omitempty"`
	Client netip.Addr    `json:"client,omitzero"`
	Code   uint16        `json:"code,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

func (f *Feeds) append(ctx context.Context, c *feedCaller, e feedEntry) error {
	e.Caller, e.At = c.name, f.r.o.Now()
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if _, err := c.stream.Append(ctx, f.seal.Load().Seal(purposeFeed, text)); err != nil {
		return err
	}
	return nil
}

// entry returns the entry of a caller; false for one that is not ours.
func (f *Feeds) entry(c *feedCaller, sealed []byte) (e feedEntry, ok bool) {
	text, err := f.seal.Load().Open(purposeFeed, sealed)
	if err != nil || json.Unmarshal(text, &e) != nil || e.Caller != c.name {
		return feedEntry{}, false
	}
	needsGrant := e.Kind == feedGrant || e.Kind == feedRenewed
	return e, !needsGrant || e.Grant != nil && e.Grant.ID == e.ID
}

// cursor is a place in a feed.
type cursor struct {
	Caller string          `json:"c"`
	At     ticket.Position `json:"p"`
}

func (f *Feeds) cursorOf(c *feedCaller, at ticket.Position) string {
	text, _ := json.Marshal(cursor{c.name, at}) // never fails
	return base64.RawURLEncoding.EncodeToString(f.seal.Load().Seal(purposeCursor, text))
}

// parseCursor returns the place that a cursor names. An empty one is the beginning.
func (f *Feeds) parseCursor(c *feedCaller, since string) (ticket.Position, error) {
	if since == "" {
		return ticket.Position{}, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(since)
	if err != nil {
		return ticket.Position{}, ErrCursor
	}
	var at cursor
	text, err := f.seal.Load().Open(purposeCursor, sealed)
	if err != nil || json.Unmarshal(text, &at) != nil || at.Caller != c.name {
		return ticket.Position{}, ErrCursor
	}
	if at.At.Millis < uint64(max(0, f.r.o.Now().Add(-feedKept).UnixMilli())) {
		return ticket.Position{}, ErrCursor
	}
	return at.At, nil
}
