// Package gencache is a map of bounded size that forgets what has not been
// used for longest, roughly and cheaply.
package gencache

import "iter"

// Map holds its entries in two generations. New entries go into the young one.
// When that is full it becomes the old one, and what was in the old one is
// forgotten. An entry that is used moves to the young one, so that it stays.
//
// A Map is not safe for concurrent use: callers look and store under one lock
// of their own.
type Map[K comparable, V any] struct {
	half       int // bound of one generation
	young, old map[K]V
}

// New returns a Map that holds at most size entries, one more where size is
// odd. With a size of zero or less it holds nothing.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{half: (size + 1) / 2, young: make(map[K]V)}
}

// Get returns the value of a key, and counts as a use of it.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if value, ok = m.young[key]; ok {
		return value, true
	}
	if value, ok = m.old[key]; ok {
		m.Put(key, value)
	}
	return value, ok
}

// Peek returns the value of a key without counting as a use of it.
func (m *Map[K, V]) Peek(key K) (value V, ok bool) {
	if value, ok = m.young[key]; ok {
		return value, true
	}
	value, ok = m.old[key]
	return value, ok
}

// Put stores the value of a key. It reports whether the generations turned to
// make room.
func (m *Map[K, V]) Put(key K, value V) (turned bool) {
	if m.half <= 0 {
		return false
	}
	if _, known := m.young[key]; !known {
		delete(m.old, key)
		if turned = len(m.young) >= m.half; turned {
			m.Turn()
		}
	}
	m.young[key] = value
	return turned
}

// Delete forgets a key.
func (m *Map[K, V]) Delete(key K) {
	delete(m.young, key)
	delete(m.old, key)
}

// Turn forgets the old generation and makes the young one the old one. The next
// one is likely to grow as large.
func (m *Map[K, V]) Turn() {
	m.old, m.young = m.young, make(map[K]V, len(m.young))
}

// All iterates over the entries, without counting as a use of them.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, generation := range []map[K]V{m.old, m.young} {
			for key, value := range generation {
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }
