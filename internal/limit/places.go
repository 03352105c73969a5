package limit

import (
	"net/netip"
	"sync"
)

// Places bounds how many things may be there at once, such as connections: in
// all, for each client address, and for its networks. It is safe for concurrent
// use, and holds nothing for clients that hold no place.
type Places struct {
	mu             sync.Mutex
	all, ofAddress int
	taken          int
	ofNetwork      [len(Networks)]map[netip.Prefix]int // no entry is zero
}

// NewPlaces returns Places for so many in all and of each client address.
func NewPlaces(all, ofAddress int) *Places {
	p := &Places{all: all, ofAddress: ofAddress}
	for n := range p.ofNetwork {
		p.ofNetwork[n] = make(map[netip.Prefix]int)
	}
	return p
}

// Bound changes how many there may be, in all and of each client address. Places that
// are taken stay taken, also beyond the new bounds.
func (p *Places) Bound(all, ofAddress int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all, p.ofAddress = all, ofAddress
}

// Full is the bound because of which there is no place.
type Full struct {
	// Network is whose places are all taken, for the bound of an address. It is
	// the zero value of unknown addresses, too.
	Network netip.Prefix
	// OfAll reports whether it is the bound of all.
	OfAll bool
	// Max is the bound.
	Max int
}

// Take takes a place for a client. If there is none, it returns the bound; that
// of the address comes first, unless it is as large as that of all. The caller
// calls [Places.Free] once with the same client.
func (p *Places) Take(c Client) (full Full, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, counts := range p.ofNetwork {
		most := p.maxOf(n)
		if network, counted := c.Network(n); counted && most < p.all && counts[network] >= most {
			return Full{Network: network, Max: most}, false
		}
	}
	if full, ok := p.takeOneLocked(); !ok {
		return full, false
	}
	p.addLocked(c, 1)
	return Full{}, true
}

// TakeAny takes a place that counts for no client, only in all. The caller calls
// [Places.FreeAny] once.
func (p *Places) TakeAny() (full Full, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeOneLocked()
}

func (p *Places) takeOneLocked() (full Full, ok bool) {
	if p.taken >= p.all {
		return Full{OfAll: true, Max: p.all}, false
	}
	p.taken++
	return Full{}, true
}

// Free gives up a place of [Places.Take].
func (p *Places) Free(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.addLocked(c, -1)
}

// FreeAny gives up a place of [Places.TakeAny].
func (p *Places) FreeAny() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
}

// Taken returns how many are taken now.
func (p *Places) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// maxOf bounds the n-th network of an address. A network that is larger than one
// client gets half of all places at most, so that it cannot hold all of them.
func (p *Places) maxOf(n int) int {
	if n == 0 {
		return p.ofAddress
	}
	return min(p.ofAddress*Networks[n].Times, max(p.ofAddress, p.all/2))
}

func (p *Places) addLocked(c Client, one int) {
	for n, counts := range p.ofNetwork {
		network, counted := c.Network(n)
		if !counted {
			continue
		}
		if counts[network] += one; counts[network] == 0 {
			delete(counts, network)
		}
	}
}
