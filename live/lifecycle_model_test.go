package live_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// step is something that happens to connections. Its numbers choose among what there
// is then.
type step struct {
	do        string
	which, by int
	user      string
	turn      int           // of the bearers of a user, which differ in their session and their ID
	age       time.Duration // of a bearer, or of what is revoked
	action    ticket.RevocationAction
	shrink    bool // the scope of a bearer
}

// steps draws a sequence. It is drawn before it is run, because it runs in a bubble of
// its own, with its own time.
func steps(rt *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
		return step{
			do:     rapid.SampledFrom([]string{"open", "open", "open", "renew", "renew", "revoke", "wait", "replace", "drain"}).Draw(rt, "do"),
			which:  rapid.IntRange(0, 5).Draw(rt, "which"),
			by:     rapid.IntRange(0, 4).Draw(rt, "by"),
			user:   rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "user"),
			age:    time.Duration(rapid.IntRange(0, 55).Draw(rt, "age")) * time.Minute,
			action: rapid.SampledFrom([]ticket.RevocationAction{ticket.RevokeEnd, ticket.RevokeRecheck}).Draw(rt, "action"),
			turn:   rapid.IntRange(0, 3).Draw(rt, "turn"),
			shrink: rapid.IntRange(0, 9).Draw(rt, "shrink") == 0,
		}
	}), 1, 40).Draw(rt, "steps")
}

// life is a connection as it should be.
type life struct {
	*peer

	grant ticket.Grant
	// until is when it has to be over, and causes are the endings that explain it.
	until  time.Time
	causes []ticket.Ending
}

// dies notes a cause. The first one counts: it closes the connection.
func (l *life) dies(causes ...ticket.Ending) {
	if l.causes == nil {
		l.causes, l.until = causes, time.Now()
	}
}

// lives is a registry, and the connections that it should have.
type lives struct {
	*bench

	all     []*life
	revoked []ticket.Revocation
	drained chan error // nil until it drains
}

// bearer returns a bearer of an hour.
func (*lives) bearer(s step) ticket.Grant {
	g := of(s.user, time.Now().Add(-s.age))
	g.Scope = "read write"
	g.Identity.Scope, g.Identity.ExpiresAt = g.Scope, g.Identity.IssuedAt.Add(time.Hour)
	g.Identity.SessionID, g.Identity.TokenID = fmt.Sprint("s-", s.user, s.turn/2), fmt.Sprint("j-", s.user, s.turn)
	if s.shrink {
		g.Identity.Scope = "read"
	}
	g.ConnectionExpiresAt = g.Identity.ExpiresAt
	return g
}

// any chooses among the last connections, those that are over too.
func (l *lives) any(s step) *life {
	if len(l.all) == 0 {
		return nil
	}
	return l.all[len(l.all)-1-s.which%len(l.all)]
}

// add admits a connection of a grant, which a revocation may refuse.
func (l *lives) add(g ticket.Grant) error {
	leave, ok := l.Enter()
	if ok != (l.drained == nil) {
		return fmt.Errorf("Enter = %t while draining: %t", ok, l.drained != nil)
	}
	if !ok {
		return nil
	}
	defer leave()
	p := &peer{polite: true, Connection: &live.Connection{Grant: g}}
	err := l.Add(context.Background(), p.Connection)
	if want := voids(l.revoked, g); isRevoked(err) != want {
		return fmt.Errorf("Add = %w, want that it is refused: %t", err, want)
	}
	if err == nil {
		p.Attach(p)
		l.all = append(l.all, &life{peer: p, grant: g})
	}
	return nil
}

func (l *lives) open(s step) error {
	s.shrink = false
	return l.add(l.bearer(s))
}

// replace admits the handshake of an open connection once more.
func (l *lives) replace(s step) error {
	older := l.any(s)
	if older == nil || older.causes != nil || l.drained != nil {
		return nil
	}
	older.dies(ticket.EndReplaced)
	return l.add(older.grant)
}

// renew renews a connection by any bearer, and knows what has to come of it.
func (l *lives) renew(s step) error {
	c := l.any(s)
	if c == nil {
		return nil
	}
	if s.by > 0 { // mostly by its user, and by a bearer that is not much older
		s.user, s.age = c.grant.Identity.Subject, s.age/8
	}
	fresh := l.bearer(s)
	id := c.grant.ID
	if i := slices.IndexFunc(l.all, func(o *life) bool { return o.grant.ID == id && o.causes == nil }); i >= 0 {
		c = l.all[i] // one that took its place
	}
	until, err := l.Renew(context.Background(), id, fresh.Identity)
	var want error
	switch {
	case c.causes != nil, s.user != c.grant.Identity.Subject:
		want = ticket.ErrNotFound
	case fresh.Identity.IssuedAt.Before(c.grant.Identity.IssuedAt):
		want = ticket.ErrInvalidBearer
	case s.shrink:
		want = ticket.ErrInsufficientScope
		c.dies(ticket.EndRecheck)
	default:
		fresh.ID = id
		c.grant = fresh
		if voids(l.revoked, fresh) {
			want = ticket.ErrBearerRevoked
			c.dies(l.endings(fresh)...)
		}
	}
	if !errors.Is(err, want) || err == nil && !until.Equal(fresh.ConnectionExpiresAt) {
		return fmt.Errorf("Renew = %s, %w, want %w", until, err, want)
	}
	return nil
}

// endings are those of the revocations of a grant.
func (l *lives) endings(g ticket.Grant) []ticket.Ending {
	var all []ticket.Ending
	for _, v := range l.revoked {
		if v.Matches(g) {
			all = append(all, v.Action.Ending())
		}
	}
	return all
}

// revoke revokes by each selector, for which it takes the names of some connection.
func (l *lives) revoke(s step) error {
	c := l.any(s)
	if c == nil {
		return nil
	}
	who := c.grant.Identity
	v := ticket.Revocation{Action: s.action, Before: time.Now().Add(-s.age), Selector: []ticket.Selector{
		{TicketID: c.grant.ID},
		{Issuer: who.Issuer, TokenID: who.TokenID},
		{Issuer: who.Issuer, SessionID: who.SessionID},
		{Issuer: who.Issuer, Subject: who.Subject},
		{Issuer: who.Issuer},
	}[s.by]}
	if s.by == 0 && s.turn == 0 {
		v.Action = ticket.RevokeReplace
	}
	v, err := l.Prepare(v)
	if err == nil {
		err = l.Revoke(context.Background(), v)
	}
	if err != nil {
		return fmt.Errorf("Revoke: %w", err)
	}
	l.revoked = append(l.revoked, v)
	for _, c := range l.all {
		if v.Matches(c.grant) {
			c.dies(v.Action.Ending())
		}
	}
	return nil
}

func (l *lives) wait(s step) error {
	<-time.After(s.age)
	return nil
}

// drain closes everything, over five seconds.
func (l *lives) drain(s step) error {
	if l.drained != nil || s.which > 1 { // rarely, so that there is something to drain
		return nil
	}
	l.drained = make(chan error, 1)
	go func() { l.drained <- l.Shutdown(context.Background()) }()
	<-time.After(live.DefaultDrainWindow)
	l.expire()
	for _, c := range l.all {
		c.dies(ticket.EndDraining, ticket.EndExpired) // whichever comes first
	}
	return nil
}

// expire notes whose time is over.
func (l *lives) expire() {
	for _, c := range l.all {
		if c.causes == nil && !time.Now().Before(c.grant.ConnectionExpiresAt) {
			c.dies(ticket.EndExpired, ticket.EndDraining)
			c.until = c.grant.ConnectionExpiresAt
		}
	}
}

// check compares each connection with what it should be, a second later.
func (l *lives) check() error {
	<-time.After(time.Second)
	synctest.Wait()
	l.expire()
	for n, c := range l.all {
		ended := c.endings()
		switch {
		case c.causes == nil && len(ended) > 0:
			return fmt.Errorf("connection %d of %s was ended with %v without a cause", n, c.grant.Identity.Subject, ended)
		case c.causes == nil:
		case len(ended) == 0:
			return fmt.Errorf("connection %d of %s lives on, want %v since %s", n, c.grant.Identity.Subject, c.causes, c.until)
		case !slices.Contains(c.causes, ended[0]):
			return fmt.Errorf("connection %d was ended with %v, want %v", n, ended, c.causes)
		case c.when().After(c.until.Add(time.Second)):
			return fmt.Errorf("connection %d was ended at %s, want %s and a second", n, c.when(), c.until)
		}
	}
	return nil
}

// runSteps runs a sequence, and returns what is wrong with it.
func runSteps(t *testing.T, all []step) (fault error) {
	synctest.Test(t, func(t *testing.T) {
		l := &lives{bench: newBench(t, live.Options{Issuers: issuers()})}
		do := map[string]func(step) error{"open": l.open, "renew": l.renew, "revoke": l.revoke, "wait": l.wait, "replace": l.replace, "drain": l.drain}
		for n, s := range all {
			err := do[s.do](s)
			if err == nil {
				err = l.check()
			}
			if err != nil {
				fault = fmt.Errorf("step %d (%+v): %w", n, s, err)
				break
			}
		}
		for _, c := range l.all {
			c.leave(1000)
		}
		if l.drained != nil {
			if err := <-l.drained; err != nil && fault == nil {
				fault = fmt.Errorf("Shutdown: %w", err)
			}
		}
	})
	return fault
}

// TestNoConnectionOutlivesItsCause: over sequences of everything that can happen to
// connections, none lives past its deadline or its revocation plus a second, and none
// is ended without a cause.
func TestNoConnectionOutlivesItsCause(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		if err := runSteps(t, steps(rt)); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestRenewalsAgainstRevocations: what concurrent callers see of a connection is as if
// they came one after the other. No renewal succeeds after a revocation of its bearer
// that somebody knows of, and the connection ends in any case.
func TestRenewalsAgainstRevocations(t *testing.T) {
	t.Parallel()
	const callers, users = 4, 60
	b := newBench(t, live.Options{Issuers: issuers()})
	start := time.Now()
	peers, ids := make([]*peer, users), make([]ticket.ID, users)
	for n := range peers {
		g := of(strconv.Itoa(n), start)
		g.ConnectionExpiresAt = start.Add(time.Hour)
		peers[n], ids[n] = b.connect(t, g), g.ID
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	test.Together(t, callers, callers*users, func(n int) error {
		user := n / callers
		revokes := n%callers == user%callers // first, last, or between
		op := porcupine.Operation{ClientId: n, Input: visit{strconv.Itoa(user), revokes}, Call: int64(time.Since(start))}
		fresh := of(strconv.Itoa(user), start).Identity
		fresh.SessionID, fresh.TokenID, fresh.ExpiresAt = "fresh-s-"+fresh.Subject, "fresh-j-"+fresh.Subject, start.Add(time.Hour)
		var err error
		if revokes {
			by := []ticket.Selector{{Subject: fresh.Subject}, {SessionID: fresh.SessionID}, {TokenID: fresh.TokenID}}[user%3]
			err = b.Revoke(context.Background(), ticket.Revocation{Selector: by, Action: ticket.RevokeEnd})
		} else {
			_, err = b.Renew(context.Background(), ids[user], fresh)
		}
		refused := isRevoked(err) || errors.Is(err, ticket.ErrNotFound) // it was closed already
		op.Output, op.Return = refused, int64(time.Since(start))
		mu.Lock()
		defer mu.Unlock()
		history = append(history, op)
		if err != nil && !refused {
			return err
		}
		return nil
	})
	if !porcupine.CheckOperations(revocationModel(), history) {
		t.Error("no order of the calls explains what they returned")
	}
	for n, p := range peers {
		test.Wait(t, fmt.Sprint("the end of ", n), func() bool { return slices.Contains(p.endings(), ticket.EndRevoked) })
	}
}
