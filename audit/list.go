package audit

import "sync"

// chunk is a part of a list, in which entries stay where they were put.
type chunk struct {
	entries [64]entry
	next    *chunk
}

// chunks are those that no list uses, without entries. The collector takes them when they
// are not needed for long.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// list has entries in the order in which they were added. It takes memory for as many as
// it has.
type list struct {
	head, tail  *chunk // nil while it is empty
	first, free int    // of head the oldest entry, of tail the place after the newest
	length      int
}

// add returns the place of one more.
func (l *list) add() *entry {
	if l.tail == nil || l.free == len(l.tail.entries) {
		c := chunks.Get().(*chunk) //nolint:errcheck,forcetypeassert // it has no others
		if l.tail == nil {
			l.head, l.first = c, 0
		} else {
			l.tail.next = c
		}
		l.tail, l.free = c, 0
	}
	l.length++
	l.free++
	return &l.tail.entries[l.free-1]
}

// take removes the oldest.
func (l *list) take() entry {
	c := l.head
	e := c.entries[l.first]
	c.entries[l.first] = entry{} // what it holds is free for the collector
	l.first++
	l.length--
	if l.length == 0 || l.first == len(c.entries) {
		l.head, l.first = c.next, 0
		if l.head == nil {
			l.tail = nil
		}
		c.next = nil
		chunks.Put(c)
	}
	return e
}
