package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// TestRotationUnderAttack: strangers make up kids all the time, and the kid of
// the next key too, before it is published. The owner of the key gets in within
// 30 s after it is published, however often it was refused before, and the
// strangers cause three fetches a minute.
func TestRotationUnderAttack(t *testing.T) {
	before := jwks(t, publicJWK(t, edKey(), "kid", "old"))
	after := jwks(t, publicJWK(t, edKey(), "kid", "old"), publicJWK(t, edOther(), "kid", "new"))
	inBubble(t, before, func(b *bubble) {
		ctx, stop := context.WithCancel(b.t.Context())
		var strangers sync.WaitGroup
		for n := range 3 {
			strangers.Go(func() { b.attack(ctx, n) })
		}
		honest := sign(t, edOther(), b.claims, "kid", "new")
		for n := range 8 { // with another distance to the strangers' fetches each time
			b.serve(before)
			advance(time.Minute + time.Duration(n)*7*time.Second)
			check(b.t, b.v, "a token before its key", honest, "bearer_key_unknown")
			fetches := b.fetches.Load()
			b.serve(after)
			if took := b.until(honest, 500*time.Millisecond); took > 30*time.Second {
				b.t.Errorf("rotation %d: the owner of the key got in after %s, want 30s at most", n, took)
			}
			advance(time.Minute)
			if got := b.fetches.Load() - fetches; got > 6 {
				b.t.Errorf("rotation %d: strangers caused %d fetches in a minute and a half", n, got)
			}
		}
		stop()
		strangers.Wait()
	})
}

// attack sends bearers with made-up kids, the kid of the next key and wrong
// signatures one a second until ctx ends.
func (b *bubble) attack(ctx context.Context, n int) {
	template := sign(b.t, nobodysKey(), b.claims, "kid", "KID")
	_, rest, _ := strings.Cut(template, ".")
	for i := 0; ctx.Err() == nil; i++ {
		kid := []string{fmt.Sprint(n, "-", i), "new", "old"}[i%3]
		header := b64([]byte(`{"alg":"EdDSA","typ":"at+jwt","kid":"` + kid + `"}`))
		if _, err := b.v.Authenticate(ctx, ticket.NewBearer(header+"."+rest)); !errors.Is(err, ticket.ErrInvalidBearer) {
			if ctx.Err() == nil {
				b.t.Errorf("a stranger with kid %s: got %v, want ErrInvalidBearer", kid, err)
			}
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// until returns how long it takes until the bearer is accepted, where its holder
// tries again and again.
func (b *bubble) until(bearer string, pause time.Duration) time.Duration {
	start := time.Now()
	for time.Since(start) < 5*time.Minute {
		if _, err := b.v.Authenticate(b.t.Context(), ticket.NewBearer(bearer)); err == nil {
			break
		}
		<-time.After(pause)
	}
	return time.Since(start)
}

// TestNamedTooEarly: a kid that somebody named before its key was published
// does not keep out the owners of the key, also where nobody else asks.
func TestNamedTooEarly(t *testing.T) {
	inBubble(t, jwks(t, publicJWK(t, edKey(), "kid", "a")), func(b *bubble) {
		for _, early := range []time.Duration{time.Second, 19 * time.Second, 40 * time.Second} {
			b.serve(jwks(t, publicJWK(t, edKey(), "kid", "a")))
			advance(11 * time.Minute)
			b.check("a stranger", nobodysKey(), "new", "bearer_key_unknown")
			advance(early)
			b.serve(jwks(t, publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "new")))
			if took := b.until(sign(t, edOther(), b.claims, "kid", "new"), time.Second); took > 30*time.Second {
				b.t.Errorf("%s after the stranger: the owner got in after %s, want 30s at most", early, took)
			}
		}
	})
}

// TestOneTryIsEnough: a bearer that comes too early for a fetch causes one
// later, so that its holder gets in at the next try.
func TestOneTryIsEnough(t *testing.T) {
	both := jwks(t, publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "new"))
	inBubble(t, jwks(t, publicJWK(t, edKey(), "kid", "a")), func(b *bubble) {
		advance(time.Minute)
		b.check("before the key is there", edOther(), "new", "bearer_key_unknown")
		b.serve(both)
		b.check("too early", edOther(), "new", "bearer_key_unknown")
		advance(20 * time.Second)
		b.wantFetches("for the second try", 3)
		b.serve("") // nothing else can bring the key
		b.check("the third try", edOther(), "new", "ok")
	})
}

// TestNewKeyUnderAnOldName: an issuer that calls every key the same, or gives
// them no name, has a new one found just as soon.
func TestNewKeyUnderAnOldName(t *testing.T) {
	for rule, kid := range map[string]any{"one name": "default", "no name": nil} {
		t.Run(rule, func(t *testing.T) {
			inBubble(t, jwks(t, publicJWK(t, edKey(), "kid", kid)), func(b *bubble) {
				b.serve(jwks(t, publicJWK(t, edOther(), "kid", kid)))
				check(b.t, b.v, "the old key", sign(t, edKey(), b.claims, "kid", kid), "ok")
				if took := b.until(sign(t, edOther(), b.claims, "kid", kid), time.Second); took > 30*time.Second {
					b.t.Errorf("got in after %s, want 30s at most", took)
				}
				check(b.t, b.v, "the old key, cached, after the refresh", sign(t, edKey(), b.claims, "kid", kid), "bearer_signature")
			})
		})
	}
}

// TestNewKeyInPlaceOfARepeatedOne: a set in which one key stands twice is not the
// same as one of the same length that holds it once, and a new key.
func TestNewKeyInPlaceOfARepeatedOne(t *testing.T) {
	twice := publicJWK(t, edKey(), "kid", "a")
	inBubble(t, jwks(t, twice, twice), func(b *bubble) {
		advance(time.Minute)
		b.serve(jwks(t, twice, publicJWK(t, edOther(), "kid", "b")))
		b.check("the new key", edOther(), "b", "ok")
		b.serve(jwks(t, twice, twice))
		advance(10 * time.Minute)
		b.check("the new key, withdrawn", edOther(), "b", "bearer_key_unknown")
	})
}

// TestWithdrawnKey: a key that is not in the set any more is refused at once on
// a refresh, also in the cache of verified bearers, after a sixth of JWKSMaxAge
// at the latest, and after JWKSMaxAge if the issuer cannot be reached.
func TestWithdrawnKey(t *testing.T) {
	set, without := jwks(t, publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "b")), jwks(t, publicJWK(t, edOther(), "kid", "b"))
	short := func(o *auth.IssuerOptions) { o.JWKSMaxAge = 6 * time.Minute }
	withdraw := func(b *bubble) string {
		bearer := sign(t, edKey(), b.claims, "kid", "a")
		check(b.t, b.v, "first", bearer, "ok")
		check(b.t, b.v, "from the cache", bearer, "ok")
		if s := b.v.Stats(); s.CacheHits != 1 {
			b.t.Errorf("got %+v, want one hit", s)
		}
		return bearer
	}
	t.Run("within a sixth", func(t *testing.T) {
		inBubbleWith(t, set, short, func(b *bubble) {
			bearer := withdraw(b)
			b.serve(without)
			advance(time.Minute)
			check(b.t, b.v, "after a sixth", bearer, "bearer_key_unknown")
		})
	})
	t.Run("at once on a refresh", func(t *testing.T) {
		inBubbleWith(t, set, short, func(b *bubble) {
			bearer := withdraw(b)
			b.serve(without)
			advance(25 * time.Second)
			b.check("somebody else's bearer causes a refresh", nobodysKey(), "c", "bearer_key_unknown")
			check(b.t, b.v, "after it", bearer, "bearer_key_unknown")
			b.check("the other key", edOther(), "b", "ok")
		})
	})
	t.Run("when the issuer is away", func(t *testing.T) {
		inBubbleWith(t, set, short, func(b *bubble) {
			bearer := withdraw(b)
			b.fail()
			advance(6 * time.Minute)
			check(b.t, b.v, "at its age", bearer, "ok")
			advance(time.Second)
			check(b.t, b.v, "beyond its age", bearer, "keys_unavailable")
		})
	})
}
