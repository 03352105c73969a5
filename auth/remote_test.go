package auth_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// advance lets time pass in a bubble of synctest, and everything that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bubble is an issuer inside a bubble of synctest: its server is reached over
// pipes, so that time passes while it is waited for.
type bubble struct {
	t       *testing.T
	v       *auth.Verifier
	log     bytes.Buffer // read it after v.Close
	fetches atomic.Int64
	answer  atomic.Value // func(http.ResponseWriter)
	claims  object
	options auth.Options // of v
}

// inBubble runs a test with a Verifier of one issuer whose key server answers
// with the set at first. The clock is the bubble's.
func inBubble(t *testing.T, set string, test func(*bubble)) {
	t.Helper()
	inBubbleWith(t, set, func(*auth.IssuerOptions) {}, test)
}

// inBubbleWith also changes the options of the issuer.
func inBubbleWith(t *testing.T, set string, change func(*auth.IssuerOptions), test func(*bubble)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t}
		b.serve(set)
		pipes := make(chan net.Conn)
		server := &http.Server{ErrorLog: discard(), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			b.fetches.Add(1)
			b.answer.Load().(func(http.ResponseWriter))(w) //nolint:errcheck // nothing else is stored
		})}
		go server.Serve(listener{pipes}) //nolint:errcheck // ends with the listener
		issuer := auth.IssuerOptions{
			Algorithms: []string{"EdDSA"}, MaxLifetime: 1000 * time.Hour,
			JWKSURL: "http://id.example.com/jwks", InsecureAllowPrivateNetwork: true,
		}
		change(&issuer)
		b.options = auth.Options{
			Issuers: []auth.IssuerOptions{issuer},
			Logger:  slog.New(slog.NewJSONHandler(&b.log, nil)),
			Network: auth.Network{LookupIP: publicIP, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				near, far := net.Pipe()
				select {
				case pipes <- far:
					return near, nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}},
		}
		v := mustNew(t, b.options)
		b.v = v
		b.claims = goodClaims().with("iat", time.Now().Unix(), "exp", time.Now().Add(500*time.Hour).Unix())
		test(b)
		b.v.Close()
		_ = server.Close()
		synctest.Wait()
	})
}

// listener accepts pipes.
type listener struct{ pipes chan net.Conn }

func (l listener) Accept() (net.Conn, error) {
	conn, ok := <-l.pipes
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l listener) Close() error { close(l.pipes); return nil }

func (l listener) Addr() net.Addr { return &net.TCPAddr{} }

func (b *bubble) serve(body string) {
	b.answer.Store(func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) })
}

// fail makes the server answer 500.
func (b *bubble) fail() {
	b.answer.Store(func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
}

// stall makes the server answer only after d.
func (b *bubble) stall(d time.Duration, body string) {
	b.answer.Store(func(w http.ResponseWriter) {
		<-time.After(d)
		_, _ = io.WriteString(w, body)
	})
}

func (b *bubble) check(rule string, key crypto.Signer, kid, want string) {
	b.t.Helper()
	check(b.t, b.v, rule, sign(b.t, key, b.claims, "kid", kid), want)
}

func (b *bubble) wantFetches(rule string, want int64) {
	b.t.Helper()
	if got := b.fetches.Load(); got != want {
		b.t.Errorf("%s: fetches: got %d, want %d", rule, got, want)
	}
}

// TestRotation is R36: a refresh replaces the whole set.
func TestRotation(t *testing.T) {
	oldSet, newSet := jwks(t, publicJWK(t, edKey(), "kid", "old")), jwks(t, publicJWK(t, edOther(), "kid", "new"))
	inBubble(t, oldSet, func(b *bubble) {
		b.check("the old key", edKey(), "old", "ok")
		b.check("the old key, cached", edKey(), "old", "ok")
		b.serve(newSet)
		b.check("the old key, before the refresh", edKey(), "old", "ok")
		advance(10 * time.Minute)
		b.wantFetches("one refresh in ten minutes", 2)
		b.check("the old key after the refresh, though it was cached", edKey(), "old", "bearer_key_unknown")
		b.check("the new key", edOther(), "new", "ok")
	})
}

// TestUnknownKids is R35 over time: bearers that the keys do not verify cause a
// fetch at once if the last one is 20 s ago, else one when that time is over.
func TestUnknownKids(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, set, func(b *bubble) {
		advance(time.Minute)
		b.check("an unknown kid", edOther(), "x", "bearer_key_unknown")
		b.wantFetches("an unknown kid causes one", 2)
		advance(time.Second)
		b.check("another one, too early", edOther(), "y", "bearer_key_unknown")
		b.wantFetches("too early", 2)
		advance(18 * time.Second)
		b.wantFetches("still too early", 2)
		advance(time.Second)
		b.wantFetches("for the one that was too early", 3)
		advance(5 * time.Minute)
		b.wantFetches("nobody asks", 3)
		b.check("the first one again", edOther(), "x", "bearer_key_unknown")
		b.wantFetches("a kid that was missing causes one as well", 4)
		advance(time.Minute)
		b.check("a known kid with a wrong signature may be a new key of that name", edOther(), "a", "bearer_signature")
		b.wantFetches("a wrong signature causes one", 5)
		advance(time.Minute)
		b.check("a good one", edKey(), "a", "ok")
		b.wantFetches("a good one causes none", 5)
	})
}

// TestIssuerIsDown: the last good set serves for an hour, then nothing does.
func TestIssuerIsDown(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, set, func(b *bubble) {
		b.check("a known key", edKey(), "a", "ok")
		b.serve(`{"keys":[]}`)
		advance(29 * time.Minute)
		b.check("S12 an empty set replaces nothing", edKey(), "a", "ok")
		b.fail()
		advance(30 * time.Minute)
		b.check("after 59 minutes", edKey(), "a", "ok")
		b.check("an unknown key may be new: nothing can be concluded", edOther(), "new", "keys_unavailable")
		if err := b.v.Ready(b.t.Context()); err != nil {
			b.t.Errorf("Ready after 59 minutes: got %v, want nil", err)
		}
		advance(2 * time.Minute)
		b.check("after more than an hour, though it is cached", edKey(), "a", "keys_unavailable")
		if err := b.v.Ready(b.t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
			b.t.Errorf("Ready after an hour: got %v, want ErrUnavailable", err)
		}
		b.serve(set)
		advance(2 * time.Minute)
		b.check("the issuer is back", edKey(), "a", "ok")
		b.v.Close()
		log := b.log.String()
		if got := strings.Count(log, "\n"); got != 2 {
			b.t.Errorf("log: got %d lines, want one for the begin of the outage and one for its end:\n%s", got, log)
		}
		for _, want := range []string{
			`"level":"WARN","msg":"keys cannot be fetched","issuer":"` + issuerName + `","host":"id.example.com","cause":"the key set is refused: no usable key: the set is empty"`,
			`"level":"WARN","msg":"keys are fetched again","issuer":"` + issuerName + `","after":`,
		} {
			if !strings.Contains(log, want) {
				b.t.Errorf("log: got %s, want %s in it", log, want)
			}
		}
	})
}

// TestIssuerIsDownAtStart: Start does not wait for it, and it is asked again
// and again, at growing intervals.
func TestIssuerIsDownAtStart(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, "", func(b *bubble) {
		b.check("no keys yet", edKey(), "a", "keys_unavailable")
		if err := b.v.Ready(b.t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
			b.t.Errorf("Ready: got %v, want ErrUnavailable", err)
		}
		b.wantFetches("requests cause none", 1)
		advance(5 * time.Second)
		b.wantFetches("after 5 s", 2)
		advance(10 * time.Minute)
		if got := b.fetches.Load(); got < 11 || got > 18 {
			b.t.Errorf("fetches in ten minutes: got %d, want one a minute, about", got)
		}
		b.serve(set)
		advance(time.Minute)
		b.check("it is there", edKey(), "a", "ok")
	})
}

// TestSlowIssuer is S6: no fetch takes longer than 5 s, and no request waits
// for longer than 2 s.
func TestSlowIssuer(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, set, func(b *bubble) {
		advance(time.Minute)
		b.answer.Store(func(w http.ResponseWriter) {
			for _, c := range []byte(set) { // one byte a second
				if _, err := w.Write([]byte{c}); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				<-time.After(time.Second)
			}
		})
		start := time.Now()
		b.check("an unknown kid", edOther(), "new", "keys_unavailable")
		if took := time.Since(start); took != 2*time.Second {
			b.t.Errorf("a request waited for %s, want 2s", took)
		}
		b.check("a known kid does not wait", edKey(), "a", "ok")
		if took := time.Since(start); took != 2*time.Second {
			b.t.Errorf("a known kid waited for %s, want no time", took-2*time.Second)
		}
		advance(3 * time.Second)
		if got := fetchCounts(b.v); got["unreachable"] != 1 || got["ok"] != 1 {
			b.t.Errorf("after 5 s: got %v, want one ok and one unreachable", got)
		}
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		advance(time.Minute)
		start = time.Now()
		_, err := b.v.Authenticate(ctx, ticket.NewBearer(sign(t, edOther(), b.claims, "kid", "newer")))
		if took := time.Since(start); took != 0 || ticket.Reason(err) != "keys_unavailable" {
			b.t.Errorf("a request that has ended: got %v after %s, want keys_unavailable at once", err, took)
		}
	})
}

// TestSingleFlight: any number of requests wait for one fetch, and the end of
// one request does not end the fetch for the others.
func TestSingleFlight(t *testing.T) {
	set, both := jwks(t, publicJWK(t, edKey(), "kid", "a")), jwks(t, publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "new"))
	inBubble(t, set, func(b *bubble) {
		advance(time.Minute)
		b.stall(time.Second, both)
		text := sign(t, edOther(), b.claims, "kid", "new")
		var group sync.WaitGroup
		for n := range 100 {
			group.Go(func() {
				ctx, want := b.t.Context(), "ok"
				if n%2 == 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					want = "keys_unavailable"
				}
				_, err := b.v.Authenticate(ctx, ticket.NewBearer(text))
				if got := ticket.Reason(err); got != want {
					b.t.Errorf("request %d: got %s, want %s", n, got, want)
				}
			})
		}
		group.Wait()
		b.wantFetches("a hundred requests", 2)
	})
}

// TestWaitingIsBounded: while an issuer is slow, strangers make no more than so
// many requests wait for its keys. The others are told at once to come back.
func TestWaitingIsBounded(t *testing.T) {
	inBubble(t, jwks(t, publicJWK(t, edKey(), "kid", "a")), func(b *bubble) {
		advance(time.Minute)
		b.stall(4900*time.Millisecond, "")
		unknown := sign(t, edOther(), b.claims, "kid", "new")
		var strangers sync.WaitGroup
		for range auth.MaxWaiting {
			strangers.Go(func() { _, _ = b.v.Authenticate(b.t.Context(), ticket.NewBearer(unknown)) })
		}
		synctest.Wait()
		start := time.Now()
		b.check("one more", edOther(), "new", "keys_unavailable")
		b.check("a wrong signature", edOther(), "a", "bearer_signature")
		b.check("a known key", edKey(), "a", "ok")
		if took := time.Since(start); took != 0 {
			b.t.Errorf("waited for %s, want no time", took)
		}
		strangers.Wait()
		start = time.Now()
		b.check("when the others have left", edOther(), "new", "keys_unavailable")
		if took := time.Since(start); took != 2*time.Second {
			b.t.Errorf("waited for %s, want 2s", took)
		}
		b.serve("")
		advance(time.Minute)
	})
}

// TestStalledAtStart: if nobody answers, Start waits for 5 s and no longer, and
// leaves nothing running (the bubble would not end).
func TestStalledAtStart(t *testing.T) {
	t.Parallel()
	for rule, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"nobody accepts": blockUntilDone(func() {}),
		"nobody shakes hands": func(context.Context, string, string) (net.Conn, error) {
			near, _ := net.Pipe()
			return near, nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			v := mustNew(t, auth.Options{
				Issuers: []auth.IssuerOptions{{JWKSURL: issuerName}, {Issuer: issuerName + "/2", JWKSURL: issuerName}},
				Network: auth.Network{LookupIP: publicIP, Dial: dial},
			})
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("%s: Start took %s, want 5s", rule, took)
			}
			if got := strings.Count(v.Ready(t.Context()).Error(), "keys_unavailable"); got != 2 {
				t.Errorf("%s: Ready: got %d issuers, want 2", rule, got)
			}
			v.Close()
		})
	}
}

// TestClose: a waiting request is released, and keys that are there serve on.
func TestClose(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, set, func(b *bubble) {
		advance(time.Minute)
		b.stall(4*time.Second, set)
		go func() {
			<-time.After(time.Second)
			b.v.Close()
		}()
		start := time.Now()
		b.check("an unknown kid", edOther(), "new", "keys_unavailable")
		if took := time.Since(start); took != time.Second {
			b.t.Errorf("waited for %s, want 1s", took)
		}
		b.v.Close()
		b.check("a known key", edKey(), "a", "ok")
		advance(time.Minute)
		b.check("an unknown kid after it", edOther(), "newer", "keys_unavailable")
		b.wantFetches("none after it", 2)
		if got := fetchCounts(b.v); got["ok"] != 1 || len(got) != 1 {
			b.t.Errorf("outcomes: got %v, want one ok: an end is no failure", got)
		}
	})
}

// TestUnchangedKeysKeepTheCache: a refresh with the same keys in another order
// does not make every bearer be verified again.
func TestUnchangedKeysKeepTheCache(t *testing.T) {
	one, two := publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "b")
	inBubble(t, jwks(t, one, two), func(b *bubble) {
		b.check("first", edKey(), "a", "ok")
		b.serve(jwks(t, two, one))
		advance(10 * time.Minute)
		b.wantFetches("refreshed", 2)
		b.check("second", edKey(), "a", "ok")
		if s := b.v.Stats(); s.CacheHits != 1 || s.CacheMisses != 1 {
			b.t.Errorf("got %+v, want one hit and one miss", s)
		}
		b.serve(jwks(t, one))
		advance(10 * time.Minute)
		b.check("third, with other keys", edKey(), "a", "ok")
		if s := b.v.Stats(); s.CacheHits != 1 || s.CacheMisses != 2 {
			b.t.Errorf("got %+v, want one hit and two misses", s)
		}
	})
}
