package audit

// firstRing is how many entries a ring has room for at first.
const firstRing = 64

// ring has entries in the order in which they were added. It takes memory for as many as
// have waited at once.
type ring struct {
	all    []entry
	first  int // of the oldest
	length int
}

// add returns the place of one more, of at most limit.
func (r *ring) add(limit int) *entry {
	if r.length == len(r.all) {
		larger := make([]entry, min(limit, max(firstRing, 2*len(r.all))))
		n := copy(larger, r.all[r.first:])
		copy(larger[n:], r.all[:r.first])
		r.all, r.first = larger, 0
	}
	r.length++
	return &r.all[(r.first+r.length-1)%len(r.all)]
}

// take removes the oldest.
func (r *ring) take() entry {
	place := &r.all[r.first]
	e := *place
	*place = entry{} // what it holds is free for the collector
	r.first = (r.first + 1) % len(r.all)
	r.length--
	return e
}
