package auth

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"wsticket/internal/gencache"
	"wsticket/ticket"
)

// digest identifies a bearer by all of its text. Use it for the cache alone: an
// ES256 signature has a second form that verifies as well, so that one token has
// two texts.
type digest [sha256.Size]byte

// verified is a bearer that passed every check.
type verified struct {
	identity ticket.Identity
	valid    window
	keys     keySource // nil if the application vouched for a session
	set      *keySet   // the keys that verified it
}

// holds reports whether the bearer need not be verified again: it is within its
// time, without leeway at the end, and its issuer's keys are still the ones that
// verified it, and not too old.
func (v *verified) holds(now time.Time) bool {
	return !now.Before(v.valid.begins) && now.Before(v.valid.ends) &&
		(v.keys == nil || v.keys.set(now) == v.set)
}

// cache keeps bearers that were verified. It is safe for concurrent use.
type cache struct {
	mu           sync.Mutex
	bearers      *gencache.Map[digest, *verified]
	hits, misses uint64
}

// newCache returns a cache of about size bearers; with zero or less it keeps
// none.
func newCache(size int) *cache {
	return &cache{bearers: gencache.New[digest, *verified](size)}
}

// get returns the identity of a bearer that still holds. The caller owns it.
func (c *cache) get(d digest, now time.Time) (ticket.Identity, bool) {
	v := c.lookup(d, now)
	if v == nil {
		return ticket.Identity{}, false
	}
	return cloneIdentity(v.identity), true
}

// lookup counts, and forgets a bearer that no longer holds.
func (c *cache) lookup(d digest, now time.Time) *verified {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.bearers.Get(d)
	if !ok || !v.holds(now) {
		c.bearers.Delete(d)
		c.misses++
		return nil
	}
	c.hits++
	return v
}

// put keeps a copy of a bearer that has just been verified.
func (c *cache) put(d digest, v *verified, now time.Time) {
	if !v.holds(now) {
		return
	}
	kept := *v
	kept.identity = cloneIdentity(v.identity)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bearers.Put(d, &kept)
}

// stats returns hits, misses and the number of bearers.
// forget removes a bearer.
func (c *cache) forget(d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bearers.Delete(d)
}

func (c *cache) stats() (hits, misses uint64, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses, c.bearers.Len()
}

// cloneIdentity returns a deep copy: what a handler does to claims must not
// appear in another request.
func cloneIdentity(identity ticket.Identity) ticket.Identity {
	identity.Audience = slices.Clone(identity.Audience)
	if identity.Claims != nil {
		identity.Claims, _ = cloneJSON(identity.Claims).(map[string]any)
	}
	return identity
}

// cloneJSON copies a value that encoding/json decoded.
func cloneJSON(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := maps.Clone(value)
		for name, member := range copied {
			copied[name] = cloneJSON(member)
		}
		return copied
	case []any:
		copied := slices.Clone(value)
		for i, member := range copied {
			copied[i] = cloneJSON(member)
		}
		return copied
	default:
		return value
	}
}
