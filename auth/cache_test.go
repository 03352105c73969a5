package auth_test

import (
	"crypto"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// cached returns a Verifier with a cache of a size and a clock that the test
// sets.
func cached(t *testing.T, size int, leeway time.Duration) (*auth.Verifier, *atomic.Int64) {
	t.Helper()
	clock := new(atomic.Int64)
	return mustNew(t, auth.Options{
		Now:       func() time.Time { return now.Add(time.Duration(clock.Load())) },
		CacheSize: size,
		Issuers: []auth.IssuerOptions{{
			Keys: []crypto.PublicKey{edKey().Public()}, Leeway: leeway, Claims: []string{"groups", "org"},
		}},
	}), clock
}

func wantStats(t *testing.T, v *auth.Verifier, rule string, hits, misses uint64, size int) {
	t.Helper()
	if s := v.Stats(); s.CacheHits != hits || s.CacheMisses != misses || s.CacheSize != size {
		t.Errorf("%s: got %d hits, %d misses, size %d; want %d, %d, %d",
			rule, s.CacheHits, s.CacheMisses, s.CacheSize, hits, misses, size)
	}
}

func TestCacheHit(t *testing.T) {
	t.Parallel()
	v, _ := cached(t, 0, 0)
	text := sign(t, edKey(), goodClaims())
	first := check(t, v, "first", text, "ok")
	second := check(t, v, "second", text, "ok")
	wantStats(t, v, "the second time", 1, 1, 1)
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("got %v and then %v, want the same", first, second)
	}
	check(t, v, "the cached text with more behind it", text+"AA", "bearer_signature")
	check(t, v, "another token of the same claims", sign(t, edKey(), goodClaims(), "x", 1), "ok")
	wantStats(t, v, "another text", 1, 3, 2)
}

// TestCacheTimes: an entry is used neither after exp nor before the bearer is
// valid, and no refusal is kept.
func TestCacheTimes(t *testing.T) {
	t.Parallel()
	v, clock := cached(t, 0, 30*time.Second)
	text := sign(t, edKey(), goodClaims().with("exp", now.Add(time.Hour).Unix()))
	check(t, v, "fresh", text, "ok")
	clock.Store(int64(time.Hour - time.Nanosecond))
	check(t, v, "in its last nanosecond", text, "ok")
	wantStats(t, v, "in its last nanosecond", 1, 1, 1)
	clock.Store(int64(time.Hour))
	check(t, v, "at exp, for which there is no leeway", text, "bearer_expired")
	wantStats(t, v, "at exp: verified again, and not kept", 1, 2, 0)
	clock.Store(0)
	check(t, v, "fresh again", text, "ok")
	clock.Store(int64(-10 * time.Minute))
	check(t, v, "the clock was set back before iat", text, "bearer_not_yet_valid")
	wantStats(t, v, "before iat", 1, 4, 0)
}

func TestNoCache(t *testing.T) {
	t.Parallel()
	v, _ := cached(t, -1, 0)
	text := sign(t, edKey(), goodClaims())
	check(t, v, "first", text, "ok")
	check(t, v, "second", text, "ok")
	wantStats(t, v, "nothing is kept", 0, 2, 0)
}

// TestIdentitiesAreNotShared: a caller that changes an identity does not change
// that of another caller.
func TestIdentitiesAreNotShared(t *testing.T) {
	t.Parallel()
	v, _ := cached(t, 0, 0)
	text := sign(t, edKey(), goodClaims().with("groups", []string{"users"}, "org", object{"roles": []string{"reader"}}))
	want := fmt.Sprint(check(t, v, "first", text, "ok"))
	for range 3 {
		identity := check(t, v, "again", text, "ok")
		if got := fmt.Sprint(identity); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		identity.Audience[0] = "changed"
		identity.Claims["groups"].([]any)[0] = "admins"                        //nolint:errcheck // signed above
		identity.Claims["org"].(map[string]any)["roles"].([]any)[0] = "writer" //nolint:errcheck // signed above
		identity.Claims["extra"] = true
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	v, _ := cached(t, 4, 0)
	var texts []string
	for n := range 8 {
		texts = append(texts, sign(t, edKey(), goodClaims().with("sub", fmt.Sprint("u-", n), "groups", []string{"a"})))
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n := range 200 {
				identity, err := v.Authenticate(t.Context(), ticket.NewBearer(texts[n%8]))
				if err != nil || identity.Subject != fmt.Sprint("u-", n%8) {
					t.Errorf("got %v, %v", identity, err)
					return
				}
				identity.Claims["groups"] = nil
			}
		})
	}
	group.Wait()
	if s := v.Stats(); s.CacheHits+s.CacheMisses != 1600 || s.CacheSize > 4 {
		t.Errorf("got %+v, want 1600 look-ups and at most 4 entries", s)
	}
}
