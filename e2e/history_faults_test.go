//go:build e2e

package e2e_test

import (
	"time"

	"wsticket/internal/testenv"
)

// The pace of the faults, in operations of the worker behind the proxy. Its
// own progress is the clock: no fault comes between two operations of a slow
// machine, and none outlives the worker.
const (
	dropEvery    = 40
	troubleEvery = 200
)

// trouble is what happens between one worker and Redis.
type trouble struct {
	proxy   *testenv.ProxyServer
	dice    *dice
	clients int           // of the worker
	timeout time.Duration // of the worker's store
	seen    int           // operations of the worker so far
	healAt  int           // when what is wrong now is over; 0: nothing is
}

// operation is told of each operation that the worker has done.
func (t *trouble) operation() {
	t.seen++
	switch {
	case t.seen == t.healAt:
		t.proxy.Heal()
		t.healAt = 0
	case t.healAt == 0 && t.seen%troubleEvery == 0:
		t.begin()
	case t.seen%dropEvery == 0:
		t.proxy.DropReplyTo(t.command(), 1+t.dice.IntN(4))
	}
}

// command is what loses its reply: mostly what consumes.
func (t *trouble) command() string {
	if t.dice.IntN(4) == 0 {
		return "set"
	}
	return "evalsha"
}

func (t *trouble) begin() {
	// Each client is to meet it: that is soon over where all of them wait.
	short, long := t.clients+2, 8*t.clients
	switch t.dice.IntN(4) {
	case 0:
		t.proxy.Stall()
		t.healAt = t.seen + short
	case 1:
		t.proxy.DelayReplies(t.timeout * 3 / 2) // too late
		t.healAt = t.seen + short
	case 2:
		t.proxy.DelayReplies(t.timeout / 20) // late
		t.healAt = t.seen + long
	default:
		t.proxy.Reset()
	}
}
