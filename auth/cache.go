package auth

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

// digest names a bearer by all of its text. Nothing but this cache may be
// keyed by it: an ES256 signature has a twin that verifies as well, so that
// one token has two texts.
type digest [sha256.Size]byte

// verified is a bearer that passed every check.
type verified struct {
	identity ticket.Identity
	valid    window
	keys     keySource // nil where no key proved it, but the application vouched
	set      *keySet   // the keys that proved it
}

// holds tells whether a look at the cache may stand for another verification:
// the bearer is within its time, without leeway at the end, and its issuer's
// keys are still those that proved it, and not too old.
func (v *verified) holds(now time.Time) bool {
	return !now.Before(v.valid.begins) && now.Before(v.valid.ends) &&
		(v.keys == nil || v.keys.set(now) == v.set)
}

// cache keeps verified bearers, at most about size of them. It has two
// generations: when the young one is full it becomes the old one, and what
// was in the old one and has not been asked for since is gone. A cache of
// size zero keeps nothing.
type cache struct {
	mu         sync.Mutex
	half       int
	young, old map[digest]*verified
	hits       uint64
	misses     uint64
}

func newCache(size int) *cache {
	return &cache{half: (size + 1) / 2, young: make(map[digest]*verified)}
}

// get returns the identity of a bearer that still holds. The caller owns it.
func (c *cache) get(d digest, now time.Time) (ticket.Identity, bool) {
	v := c.lookup(d, now)
	if v == nil {
		return ticket.Identity{}, false
	}
	return own(v.identity), true
}

// lookup counts, and drops what does not hold any more.
func (c *cache) lookup(d digest, now time.Time) *verified {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, inYoung := c.young[d]
	if v == nil {
		v = c.old[d]
	}
	if v == nil || !v.holds(now) {
		delete(c.young, d)
		delete(c.old, d)
		c.misses++
		return nil
	}
	c.hits++
	if !inYoung {
		delete(c.old, d)
		c.insert(d, v)
	}
	return v
}

// put keeps a bearer that has just been verified.
func (c *cache) put(d digest, v *verified, now time.Time) {
	if c.half == 0 || !v.holds(now) {
		return
	}
	kept := *v
	kept.identity = own(v.identity)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.old, d)
	c.insert(d, &kept)
}

// insert puts into the young generation, after making room.
func (c *cache) insert(d digest, v *verified) {
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[digest]*verified, c.half)
	}
	c.young[d] = v
}

// stats returns hits, misses and the number of entries.
func (c *cache) stats() (hits, misses uint64, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses, len(c.young) + len(c.old)
}

// own returns an identity that shares nothing that can be changed: what a
// handler does to its claims must not show up in another request.
func own(identity ticket.Identity) ticket.Identity {
	identity.Audience = slices.Clone(identity.Audience)
	if identity.Claims != nil {
		identity.Claims, _ = ownValue(identity.Claims).(map[string]any)
	}
	return identity
}

// ownValue copies decoded JSON.
func ownValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := maps.Clone(value)
		for name, member := range copied {
			copied[name] = ownValue(member)
		}
		return copied
	case []any:
		copied := slices.Clone(value)
		for i, member := range copied {
			copied[i] = ownValue(member)
		}
		return copied
	default:
		return value
	}
}
