package memstore

import (
	"container/heap"
	"sync"
	"time"

	"wsticket/ticket"
)

// shard is a part of a [Store] with its own lock. Each ticket is in it once, in
// the map and in the heap, so that the bound on tickets bounds the memory too.
type shard struct {
	mu         sync.Mutex
	byID       map[ticket.ID]*item
	byDeadline deadlineHeap
	// Padding: shards that share a cache line slow each other down.
	_ [64]byte
}

// item is one ticket. Its value is replaced and never changed in place.
type item struct {
	id       ticket.ID
	value    []byte
	deadline time.Duration
	index    int    // in the heap
	note     []byte // of record.EncodeNote, nil for none
}

func (s *shard) add(t *item) {
	s.byID[t.id] = t
	heap.Push(&s.byDeadline, t)
}

func (s *shard) setDeadline(t *item, deadline time.Duration) {
	t.deadline = deadline
	heap.Fix(&s.byDeadline, t.index)
}

// expire removes the tickets whose deadline has come, and returns how many
// there were.
func (s *shard) expire(now time.Duration) (removed int64) {
	for len(s.byDeadline) > 0 && s.byDeadline[0].deadline <= now {
		delete(s.byID, s.byDeadline[0].id)
		heap.Pop(&s.byDeadline)
		removed++
	}
	return removed
}

// deadlineHeap implements [heap.Interface] with the earliest deadline first.
type deadlineHeap []*item

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }

func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *deadlineHeap) Push(x any) {
	t := x.(*item) //nolint:errcheck // The heap holds nothing else.
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop implements [heap.Interface].
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil // let the garbage collector have it
	*h = (*h)[:last]
	return t
}
