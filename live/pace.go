package live

import (
	"sync"
	"time"

	"wsticket/ticket"
)

const (
	// tick is the pause after a batch of tasks, and perTick the size of a batch: at
	// most 25 600 connections are closed in a second, which leaves time for the messages
	// of the others.
	tick    = 5 * time.Millisecond
	perTick = 128
	// catchUp is the number of batches that a longer queue is spread over, so that tens
	// of thousands are closed in about a second, too.
	catchUp = 64
)

// task is something to do with a connection.
type task struct {
	c  *Connection
	do func(*Connection)
}

// pacer does tasks in batches, in the order in which they came. The first batch is
// done by who asks for it. It is safe for concurrent use.
type pacer struct {
	mu      sync.Mutex
	queue   []task
	left    int // of the batch that may be done before the next tick
	ticking bool
}

// do does what the batch has room for, and leaves the rest for the next ticks. The
// caller holds no lock.
func (p *pacer) do(tasks []task) {
	if len(tasks) == 0 {
		return
	}
	p.mu.Lock()
	if !p.ticking {
		p.left, p.ticking = perTick, true
		time.AfterFunc(tick, p.next)
	}
	p.queue = append(p.queue, tasks...)
	batch := p.takeLocked()
	p.mu.Unlock()
	batch.run()
}

// next does the next batch, and comes again until there was nothing to do.
func (p *pacer) next() {
	p.mu.Lock()
	if len(p.queue) == 0 {
		p.ticking = false
		p.mu.Unlock()
		return
	}
	p.left = max(perTick, len(p.queue)/catchUp)
	batch := p.takeLocked()
	p.mu.Unlock()
	batch.run()
	time.AfterFunc(tick, p.next)
}

type batch []task

func (p *pacer) takeLocked() batch {
	n := min(p.left, len(p.queue))
	taken := batch(p.queue[:n:n])
	p.left -= n
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil
	}
	return taken
}

func (b batch) run() {
	for i, t := range b {
		b[i] = task{} // the array may live as long as the queue
		t.do(t.c)
	}
}

// endDue ends connections whose time is over, and tells others that it nearly is.
func (r *Registry) endDue(all []due) {
	tasks := make([]task, len(all))
	for i, d := range all {
		tasks[i] = task{d.c, (*Connection).notify}
		if d.over {
			tasks[i].do = (*Connection).expire
		}
	}
	r.pace.do(tasks)
}

// endMatching ends the connections that a revocation voids, and returns how many
// there are. More than a few are ended in the background, all within about a second.
func (r *Registry) endMatching(v ticket.Revocation) int {
	end := func(c *Connection) {
		if v.Matches(r.grantOf(c)) { // it may have been renewed since
			c.End(v.Action.Ending())
		}
	}
	var tasks []task
	for _, c := range r.matching(v.Selector) {
		if v.Matches(r.grantOf(c)) {
			tasks = append(tasks, task{c, end})
		}
	}
	r.pace.do(tasks)
	return len(tasks)
}
