package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/pause"
)

const (
	// peerLease is how long a process counts as one that lives after it has last said
	// so, and peerBeat how often it says so.
	peerLease = 6 * time.Second
	peerBeat  = 2 * time.Second
	// inboxLife is how long a message waits for a process that does not read, and
	// maxInbox how many of them may.
	inboxLife = 10 * time.Second
	maxInbox  = 4096
	// inboxBlock is how long one read waits for a message.
	inboxBlock = time.Second
	// peerRetry is the pause after an error.
	peerRetry = 250 * time.Millisecond
	// maxAnswering bounds the questions that a process answers at the same time, and
	// answerTimeout the time for each.
	maxAnswering  = 64
	answerTimeout = 5 * time.Second
	// leaveTimeout bounds the last command of a process that stops.
	leaveTimeout = time.Second
)

// The scripts of the bus. Each works on keys of one slot, and what it writes expires.
const (
	// beatScript: KEYS[1] nodes; ARGV node, lease in milliseconds.
	beatScript = `local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
return ''`

	// leaveScript: KEYS[1] nodes; ARGV node.
	leaveScript = `redis.call('ZREM', KEYS[1], ARGV[1])
return ''`

	// nodesScript: KEYS[1] nodes. It returns the names of those that live.
	nodesScript = `local t = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t[1] * 1000 + math.floor(t[2] / 1000))
return table.concat(redis.call('ZRANGE', KEYS[1], 0, -1), ' ')`

	// postScript: KEYS inboxes; ARGV message, life in milliseconds, bound.
	postScript = `for _, inbox in ipairs(KEYS) do
  if redis.call('LLEN', inbox) < tonumber(ARGV[3]) then
    redis.call('RPUSH', inbox, ARGV[1])
    redis.call('PEXPIRE', inbox, ARGV[2])
  end
end
return ''`
)

// Peers is the bus between the processes that share a Redis. Every process has a list
// of its own there, its inbox, from which it takes questions and answers; nothing is
// kept for a process that does not live. A message that is lost makes an answer
// missing, never wrong. It is safe for concurrent use.
type Peers struct {
	store                    *Store
	beat, leave, nodes, post script

	mu      sync.Mutex
	node    string                   // empty unless Serve runs
	waiting map[string]chan<- letter // of Ask, by the ID of the question
}

// letter is a message of the bus. Nothing of it is secret but the sealed Body.
type letter struct {
	kind     byte   // 'q' or 'a'
	from, id string // the process, and the question
	body     []byte
}

// Peers returns the bus of the store, on one more connection while [Peers.Serve] runs.
func (s *Store) Peers() *Peers {
	return &Peers{
		store: s, waiting: make(map[string]chan<- letter), beat: newScript(beatScript),
		leave: newScript(leaveScript), nodes: newScript(nodesScript), post: newScript(postScript),
	}
}

// liveKey is a key of what processes tell each other. All are in one slot of a cluster.
func (s *Store) liveKey(name string) string { return s.prefix + "{live}:" + name }

func (p *Peers) inbox(node string) string { return p.store.liveKey("in:" + node) }

// runOn runs a script on keys of one slot, within the time-out of the store. It is for
// what outlives no primary, and needs no fence.
func (s *Store) runOn(ctx context.Context, sc script, keys []string, args ...any) (reply, error) {
	return s.withTimeout(ctx, keys[0], func(ctx context.Context) (reply, error) {
		return runScript(ctx, s.client, sc, keys, args...)
	})
}

// Ask sends a question to every process that serves, also to this one, which must
// serve itself. It returns the answers by the names of the processes, and the names of
// those that did not answer before ctx ended. The error wraps [ticket.ErrUnavailable] if
// the question could not be sent.
func (p *Peers) Ask(ctx context.Context, question []byte) (map[string][]byte, []string, error) {
	id := rand.Text()
	r, err := p.store.runOn(ctx, p.nodes, []string{p.store.liveKey("nodes")})
	if err != nil {
		return nil, nil, fmt.Errorf("ask: %w", err)
	}
	nodes := strings.Fields(string(r.value))
	arrived := make(chan letter, len(nodes))
	p.mu.Lock()
	node := p.node
	p.waiting[id] = arrived
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, id)
	}()
	if node == "" || len(nodes) == 0 {
		return nil, nil, fmt.Errorf("ask: %w", &OutageError{kind: OutageOther, cause: "this process does not serve the bus yet"})
	}
	inboxes := make([]string, len(nodes))
	for i, name := range nodes {
		inboxes[i] = p.inbox(name)
	}
	if err := p.send(ctx, inboxes, letter{'q', node, id, question}); err != nil {
		return nil, nil, fmt.Errorf("ask: %w", err)
	}
	answers, missing := gather(ctx, nodes, arrived)
	return answers, missing, nil
}

// gather waits until every node has answered or ctx ends.
func gather(ctx context.Context, nodes []string, arrived <-chan letter) (answers map[string][]byte, missing []string) {
	answers = make(map[string][]byte, len(nodes))
	expected := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		expected[node] = true
	}
	for len(expected) > 0 {
		select {
		case <-ctx.Done():
			for _, node := range nodes {
				if expected[node] {
					missing = append(missing, node)
				}
			}
			return answers, missing
		case l := <-arrived:
			if expected[l.from] {
				delete(expected, l.from)
				answers[l.from] = l.body
			}
		}
	}
	return answers, nil
}

// Serve answers questions until ctx ends. Until then this process counts as one that
// lives, under the name, which must be its own: letters and digits. An answer that is
// nil is not sent. It runs once at a time.
func (p *Peers) Serve(ctx context.Context, node string, answer func(ctx context.Context, question []byte) []byte) {
	p.setNode(node)
	defer p.setNode("")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { p.keepAlive(ctx, node) })
	places := make(chan struct{}, maxAnswering)
	for ctx.Err() == nil {
		l, err := p.next(ctx, node)
		switch {
		case err != nil:
			pause.For(ctx, peerRetry)
		case l.kind == 'q':
			places <- struct{}{} // answers have a deadline
			all.Go(func() {
				defer func() { <-places }()
				p.reply(ctx, node, l, answer)
			})
		case l.kind == 'a':
			p.deliver(l)
		}
	}
	cancel()
	all.Wait()
}

func (p *Peers) setNode(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.node = node
}

// keepAlive renews the lease until ctx ends, and then gives it back.
func (p *Peers) keepAlive(ctx context.Context, node string) {
	nodes := []string{p.store.liveKey("nodes")}
	for ctx.Err() == nil {
		wait := peerBeat
		if _, err := p.store.runOn(ctx, p.beat, nodes, node, peerLease.Milliseconds()); err != nil {
			wait = peerRetry
		}
		pause.For(ctx, wait)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_, _ = p.store.runOn(last, p.leave, nodes, node) // the lease lapses otherwise
}

// next takes the next letter out of the inbox. Its kind is 0 if none came in time, or
// if it is not readable.
func (p *Peers) next(ctx context.Context, node string) (letter, error) {
	limited, cancel := context.WithTimeout(ctx, inboxBlock+p.store.timeout)
	defer cancel()
	taken, err := p.store.client.BLPop(limited, inboxBlock, p.inbox(node)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return letter{}, nil
	case err != nil:
		return letter{}, fmt.Errorf("inbox: %w", p.store.translate(ctx, err))
	}
	return parseLetter(taken[len(taken)-1]), nil
}

// reply answers a question, into the inbox of who asked.
func (p *Peers) reply(ctx context.Context, node string, l letter, answer func(context.Context, []byte) []byte) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if body := answer(ctx, l.body); body != nil {
		_ = p.send(ctx, []string{p.inbox(l.from)}, letter{'a', node, l.id, body}) // or it is missing
	}
}

// deliver hands an answer to who waits for it, if anybody does.
func (p *Peers) deliver(l letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.waiting[l.id] <- l:
	default: // nobody waits, or more answers came than were asked for
	}
}

func (p *Peers) send(ctx context.Context, inboxes []string, l letter) error {
	text := string(l.kind) + l.from + " " + l.id + " " + string(l.body)
	_, err := p.store.runOn(ctx, p.post, inboxes, text, inboxLife.Milliseconds(), maxInbox)
	return err
}

// parseLetter returns a letter of kind 0 for what no process has sent.
func parseLetter(text string) letter {
	parts := strings.SplitN(text, " ", 3)
	if len(parts) != 3 || parts[0] == "" {
		return letter{}
	}
	l := letter{parts[0][0], parts[0][1:], parts[1], []byte(parts[2])}
	if !isName(l.from) || !isName(l.id) || len(l.from) > maxPrefix || len(l.id) > maxPrefix {
		return letter{}
	}
	return l
}
