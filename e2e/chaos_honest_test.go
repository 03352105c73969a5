//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pace is the least time between two actions of one client.
const pace = 20 * time.Millisecond

// repeat calls act at the pace of a client until ctx ends.
func repeat(ctx context.Context, act func()) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			act()
		}
	}
}

// visit connects through any door at any node, sends messages and leaves. Then it may
// present the same ticket again.
func (c *chaos) visit(ctx context.Context, d *dice) {
	all, s, credential, id := ways(), c.any(d), c.bearer(d), ""
	w := all[d.IntN(len(all))]
	if !w.bearer {
		got, ok := c.issue(ctx, "a client", s, credential)
		if !ok {
			return
		}
		credential, id = got.Token, got.ID
	}
	c.present(ctx, "a client, "+w.name, c.any(d), w, credential, id, d.IntN(4))
	if id != "" && d.IntN(3) == 0 {
		c.present(ctx, "a replay, "+w.name, c.any(d), w, credential, id, 0)
	}
}

// present makes one attempt with a credential, and sends a number of messages.
func (c *chaos) present(ctx context.Context, what string, s server, w way, credential, id string, messages int) {
	a := c.ledger.begin(relayed, id)
	o := w.order("ws://"+s.public+"/ws", credential)
	o.Headers = headers(o.Headers, map[string]string{attemptHeader: a.name})
	first := len(o.Steps) > 0
	for range messages {
		o.Steps = append(o.Steps, say("hello"), listen())
	}
	o.Steps = append(o.Steps, leave())
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events, err := gobwas().visit(ctx, o)
	if len(events) == 0 {
		c.ledger.settle(what, a, answer{}, err)
		return
	}
	c.ledger.settle(what, a, told(events[0], first), nil)
	if last := events[0][len(events[0])-1]; last.Event == "closed" {
		c.ledger.count("end at a client", last.String())
	}
}

// told returns the answer that a client had, from its events. If it says first what its
// credential is, the 101 alone means nothing: the ticket is redeemed later, and the
// application is asked after the answer.
func told(events []event, first bool) answer {
	switch words := describe(events); {
	case events[0].Event == "refused":
		return answer{status: events[0].Status}
	case !first:
		return admitted
	case strings.Contains(words, "auth_fail invalid_t"):
		return answer{status: http.StatusUnauthorized, code: "auth_fail"}
	case strings.Contains(words, "closed 1000"), strings.Contains(words, "message hello"):
		return admitted
	default:
		return answer{status: http.StatusServiceUnavailable, code: "silence"}
	}
}

// stay connects and stays until the node stops, cuts the connection, or the storm ends.
func (c *chaos) stay(ctx context.Context, d *dice) {
	bearer := c.bearer(d)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, s := c.ledger.begin(relayed, ""), c.any(d)
	conn, got, err := dialAndOpen(ctx, s.public, "", withBearer(s, bearer, a))
	c.ledger.settle("a client that stays", a, got, err)
	if err != nil || !got.is(admitted) {
		return
	}
	c.ledger.count("end at a client that stays", conn.receive(ctx).String())
}

// race presents one ticket to all nodes at once, at each through several doors, to
// /consume and to /auth/nginx. Some presentations repeat the same attempt, as a proxy would.
func (c *chaos) race(ctx context.Context, d *dice) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, ok := c.issue(ctx, "a client in a race", c.any(d), c.bearer(d))
	if !ok {
		return
	}
	begin := make(chan struct{})
	var all sync.WaitGroup
	show := func(s server, a *try, request string) {
		all.Go(func() {
			<-begin
			_, result, err := dialAndOpen(ctx, s.public, "", request)
			c.ledger.settle("a race for one ticket", a, result, err)
		})
	}
	same := c.ledger.begin(relayed, got.ID)
	for _, n := range c.nodes {
		s := n.now()
		for _, way := range []door{doorQuery, doorSubprotocol, doorHeader} {
			a := c.ledger.begin(relayed, got.ID)
			show(s, a, way.handshake(s.public, got.Token, attemptHeader+": "+a.name))
		}
	}
	s := c.any(d)
	request := doorQuery.handshake(s.public, got.Token, attemptHeader+": "+same.name)
	for range 3 {
		show(s, same, request)
	}
	all.Go(func() {
		<-begin
		c.consume(ctx, "a race for one ticket, at /consume", s, got)
	})
	all.Go(func() {
		<-begin
		c.ask(ctx, "a race for one ticket, at /auth/nginx", s, got)
	})
	close(begin)
	all.Wait()
}

// steal presents a recent ticket of somebody else, which nearly always is spent. If Redis
// went back to an old state, its record may say that it is not.
func (c *chaos) steal(ctx context.Context, d *dice) {
	got, ok := c.ledger.recent(d)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, s := c.ledger.begin(relayed, got.ID), c.any(d)
	_, result, err := dialAndOpen(ctx, s.public, "", doorQuery.handshake(s.public, got.Token, attemptHeader+": "+a.name))
	c.ledger.settle("a thief with a ticket of somebody else", a, result, err)
}

// consume redeems a ticket like a backend.
func (c *chaos) consume(ctx context.Context, what string, s server, got issued) {
	a := c.ledger.begin(consumed, got.ID)
	body := fmt.Sprintf(`{"ticket":%q,"attempt":%q}`, got.Token, a.name)
	result, err := c.client.post(ctx, "http://"+s.internal+"/consume", c.apiKey, body)
	switch {
	case err != nil || result.status != http.StatusOK:
	case strings.Contains(result.body, `"active":true`):
		result = active
	default:
		result = inactive
	}
	c.ledger.settle(what, a, result, err)
}

// ask asks about a handshake with a ticket, like nginx.
func (c *chaos) ask(ctx context.Context, what string, s server, got issued) {
	a := c.ledger.begin(consumed, got.ID)
	_, result, err := dialAndOpen(ctx, s.internal, "", questionOfNginx(s, got.Token))
	switch {
	case err != nil:
	case result.status == http.StatusOK:
		result = active
	case result.code == unavailable.code: // nginx is told 403
		result.status = unavailable.status
	}
	c.ledger.settle(what, a, result, err)
}

// questionOfNginx returns the question of nginx about a handshake, with a new key.
func questionOfNginx(s server, token string) string {
	return strings.Replace(door("").handshake(s.internal, "", "X-Original-Method: GET", "X-Original-Uri: /ws?ticket="+token,
		"X-Forwarded-Host: "+s.public, "X-Forwarded-Proto: http", "X-Forwarded-For: 127.0.0.1"), "GET /ws ", "GET /auth/nginx ", 1)
}

// retry presents one attempt two times to two nodes, one after the other, like a proxy
// that has lost the first answer.
func (c *chaos) retry(ctx context.Context, d *dice) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, ok := c.issue(ctx, "a proxy", c.any(d), c.bearer(d))
	if !ok {
		return
	}
	a := c.ledger.begin(relayed, got.ID)
	request := ""
	for range 2 {
		s := c.any(d)
		if request == "" {
			request = doorHeader.handshake(s.public, got.Token, attemptHeader+": "+a.name)
		}
		_, result, err := dialAndOpen(ctx, s.public, "", request)
		c.ledger.settle("a proxy that repeats a handshake", a, result, err)
	}
}

// withBearer returns a handshake of an attempt with a bearer in the header.
func withBearer(s server, bearer string, a *try) string {
	return door("").handshake(s.public, "", "Authorization: Bearer "+bearer, attemptHeader+": "+a.name)
}

// dialAndOpen opens a connection from an address of this machine for one request. The
// connection is closed when ctx ends.
func dialAndOpen(ctx context.Context, addr, from, request string) (gobwasConn, answer, error) {
	conn, err := dialFrom(ctx, addr, from)
	if err != nil {
		return gobwasConn{}, answer{}, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return open(conn, request)
}
