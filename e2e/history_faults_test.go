//go:build e2e

package e2e_test

import (
	"time"

	"wsticket/internal/testenv"
)

// The intervals of faults, in operations of the worker behind the proxy. They depend on
// its progress and not on time, so that a slow machine gets as many faults as a fast
// one.
const (
	dropEvery    = 40
	troubleEvery = 200
)

// trouble causes the faults between one worker and Redis.
type trouble struct {
	proxy   *testenv.ProxyServer
	dice    *dice
	clients int           // of the worker
	timeout time.Duration // of the worker's store
	seen    int           // operations of the worker so far
	healAt  int           // the operation that ends the present fault; 0: there is none
}

// operation is called after each operation of the worker.
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

// command chooses the command that loses its reply, mostly the one of Consume.
func (t *trouble) command() string {
	if t.dice.IntN(4) == 0 {
		return "set"
	}
	return "evalsha"
}

func (t *trouble) begin() {
	// Each client should meet the fault. It is over soon if all of them wait.
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
