package live_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// guarded is a registry, and a service that issues and redeems tickets under it.
func guarded(t *testing.T) (*bench, *ticket.Service) {
	t.Helper()
	b := newBench(t, live.Options{Issuers: issuers()})
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	tickets, err := ticket.New(ticket.Options{Store: store, Revocations: b.Registry})
	if err != nil {
		t.Fatal(err)
	}
	return b, tickets
}

func issueTo(t *testing.T, tickets *ticket.Service, subject string) ticket.Token {
	t.Helper()
	who := test.Alice()
	who.Subject, who.IssuedAt = subject, time.Now()
	made, err := tickets.Issue(t.Context(), ticket.Request{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// A revocation that comes between the redemption and the 101 is never missed. One
// before it refuses the ticket.
func TestRevocationBetweenRedeemAndUpgrade(t *testing.T) {
	t.Parallel()
	b, tickets := guarded(t)
	for i := range 10_000 {
		subject := strconv.Itoa(i)
		first, second := issueTo(t, tickets, subject), issueTo(t, tickets, subject)
		grant, err := tickets.Redeem(t.Context(), first, ticket.Presentation{})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Revoke(t.Context(), end(subject)); err != nil {
			t.Fatal(err)
		}
		if err := b.Add(t.Context(), &live.Connection{Grant: grant}); !isRevoked(err) {
			t.Fatalf("%s: Add = %v, want %v", subject, err, ticket.ErrBearerRevoked)
		}
		if _, err := tickets.Redeem(t.Context(), second, ticket.Presentation{}); !errors.Is(err, ticket.ErrVoided) {
			t.Fatalf("%s: Redeem = %v, want %v", subject, err, ticket.ErrVoided)
		}
	}
}

// Whatever the order of the two, a connection whose user is revoked at the same time
// is refused or ended.
func TestRevocationAgainstAdmission(t *testing.T) {
	t.Parallel()
	b, tickets := guarded(t)
	refused, ended := 0, 0
	for i := range 2_000 {
		subject := strconv.Itoa(i)
		token := issueTo(t, tickets, subject)
		p := &peer{polite: true, Connection: &live.Connection{}}
		var admitted error
		var both sync.WaitGroup
		both.Go(func() {
			if p.Grant, admitted = tickets.Redeem(t.Context(), token, ticket.Presentation{}); admitted == nil {
				admitted = b.Add(t.Context(), p.Connection)
			}
			if admitted == nil {
				p.Attach(p)
			}
		})
		both.Go(func() {
			if err := b.Revoke(t.Context(), end(subject)); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if admitted == nil { // many at once are ended one after the other
			test.Wait(t, "the end of "+subject, func() bool { return len(p.endings()) > 0 })
		}
		switch n := len(p.endings()); {
		case admitted != nil && n == 0:
			refused++
		case admitted == nil && n == 1:
			ended++
		default:
			t.Fatalf("%s: admitted with %v and ended %d times, want that it is refused or ended once", subject, admitted, n)
		}
	}
	t.Logf("%d were refused, %d ended", refused, ended)
}

// What concurrent callers see of one user is as if they came one after the other:
// nobody is admitted after a revocation that somebody knows of.
func TestRevocationsAreLinearizable(t *testing.T) {
	t.Parallel()
	const callers, users = 4, 40
	b := newBench(t, live.Options{Issuers: issuers()})
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	test.Together(t, callers, callers*users, func(n int) error {
		subject := strconv.Itoa(n / callers)
		op := porcupine.Operation{ClientId: n, Input: visit{subject, n%callers == 1}, Call: int64(time.Since(start))}
		var err error
		if n%callers == 1 {
			err = b.Revoke(context.Background(), end(subject))
		} else {
			c := &live.Connection{Grant: of(subject, start)}
			if err = b.Add(context.Background(), c); err == nil {
				defer c.Abandon()
			}
		}
		op.Output, op.Return = isRevoked(err), int64(time.Since(start))
		mu.Lock()
		defer mu.Unlock()
		history = append(history, op)
		if err != nil && !isRevoked(err) {
			return err
		}
		return nil
	})
	if !porcupine.CheckOperations(revocationModel(), history) {
		t.Error("no order of the calls explains what they returned")
	}
}

// visit is a call about a user: to be admitted, or to be revoked.
type visit struct {
	subject string
	revoke  bool
}

// revocationModel is one user, who is revoked or not.
func revocationModel() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			by := map[string][]porcupine.Operation{}
			for _, op := range history {
				subject := op.Input.(visit).subject //nolint:errcheck,forcetypeassert // the test puts nothing else there
				by[subject] = append(by[subject], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range by {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return false },
		Step: func(state, input, output any) (bool, any) {
			if input.(visit).revoke { //nolint:errcheck,forcetypeassert // as above
				return true, true
			}
			return output == state, state
		},
	}
}

// TestRevocationsAgainstTheRule compares the set with all revocations in a list, over
// sequences of revocations, admissions and time.
func TestRevocationsAgainstTheRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		now := start
		b := newBench(t, live.Options{Issuers: issuers(), Now: func() time.Time { return now }})
		var made []ticket.Revocation
		open := map[*peer]ticket.Grant{}
		rt.Repeat(map[string]func(*rapid.T){
			"revoke": func(rt *rapid.T) {
				v, err := b.Prepare(ticket.Revocation{
					Selector: selector(rt), Action: rapid.SampledFrom([]ticket.RevocationAction{ticket.RevokeEnd, ticket.RevokeRecheck}).Draw(rt, "action"),
					Before: now.Add(-time.Duration(rapid.IntRange(0, 50).Draw(rt, "ago")) * time.Minute),
				})
				if err != nil {
					rt.Fatal(err)
				}
				if err := b.Revoke(t.Context(), v); err != nil {
					rt.Fatal(err)
				}
				made = append(made, v)
			},
			"connect": func(rt *rapid.T) {
				who := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "subject")
				g := of(who, now.Add(-time.Duration(rapid.IntRange(0, 55).Draw(rt, "age"))*time.Minute))
				g.Identity.ExpiresAt = g.Identity.IssuedAt.Add(time.Hour)
				p := &peer{polite: true, Connection: &live.Connection{Grant: g}}
				err := b.Add(t.Context(), p.Connection)
				if want := voids(made, g); isRevoked(err) != want {
					rt.Fatalf("Add = %v, want that it is refused: %v", err, want)
				}
				if err == nil {
					p.Attach(p)
					open[p] = g
				}
			},
			"wait": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute)
			},
			"": func(rt *rapid.T) {
				for p, g := range open {
					if ended := len(p.endings()) > 0; ended != voids(made, g) {
						rt.Fatalf("%s of %s: ended %v, want the opposite", g.Identity.Subject, g.Identity.IssuedAt, ended)
					}
					if !now.Before(g.Identity.ExpiresAt) && len(p.endings()) == 0 {
						p.leave(1000) // its deadline
						delete(open, p)
					}
				}
			},
		})
		for p := range open {
			p.leave(1000)
		}
	})
}

// selector names a user, a session, a bearer, or the issuer.
func selector(rt *rapid.T) ticket.Selector {
	who := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "whom")
	return rapid.SampledFrom([]ticket.Selector{
		{Issuer: test.Issuer, Subject: who}, {Issuer: test.Issuer, SessionID: "s-" + who}, {Issuer: test.Issuer, TokenID: "j-" + who}, {Issuer: test.Issuer},
	}).Draw(rt, "by")
}

func voids(all []ticket.Revocation, g ticket.Grant) bool {
	for _, v := range all {
		if v.Matches(g) {
			return true
		}
	}
	return false
}
