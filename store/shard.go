package store

import (
	"container/heap"
	"sync"
	"time"

	"wsticket/ticket"
)

// shard is a part of a [Memory] with a lock of its own. Each ticket stands in
// it exactly once, in the map and in the queue, so that the bound on tickets
// bounds the memory too.
type shard struct {
	mu   sync.Mutex
	byID map[ticket.ID]*slot
	due  dueQueue
	// Two shards on one cache line would slow each other down.
	_ [64]byte
}

// slot is one kept ticket. Its value is replaced and never changed in place.
type slot struct {
	id       ticket.ID
	value    []byte
	deadline time.Duration
	place    int // in the queue
}

func (s *shard) add(t *slot) {
	s.byID[t.id] = t
	heap.Push(&s.due, t)
}

func (s *shard) move(t *slot, deadline time.Duration) {
	t.deadline = deadline
	heap.Fix(&s.due, t.place)
}

// expire removes what is past its deadline and tells how much that was. A
// ticket is gone at its deadline, not after it.
func (s *shard) expire(now time.Duration) (removed int64) {
	for len(s.due) > 0 && s.due[0].deadline <= now {
		delete(s.byID, s.due[0].id)
		heap.Pop(&s.due)
		removed++
	}
	return removed
}

// dueQueue is a heap.Interface with the earliest deadline first.
type dueQueue []*slot

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].deadline < q[j].deadline }

func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for package heap.
func (q *dueQueue) Push(x any) {
	t := x.(*slot) //nolint:errcheck // the queue holds nothing else
	t.place = len(*q)
	*q = append(*q, t)
}

// Pop is for package heap.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil // let the garbage collector have it
	*q = (*q)[:last]
	return t
}
