package ws

import (
	"errors"
	"sync"
)

// Which of the bounds is reached. Both look the same to the peer.
var (
	errCrowd        = errors.New("too many unauthenticated connections")
	errCrowdAddress = errors.New("too many unauthenticated connections of an address")
)

// unauthenticated counts the connections whose peers have not shown yet who
// they are, in all and by address. It is safe for concurrent use.
type unauthenticated struct {
	max, maxOfAddress int

	mu        sync.Mutex
	all       int
	ofAddress map[string]int // no entry is zero
}

func newUnauthenticated(all, ofAddress int) *unauthenticated {
	return &unauthenticated{max: all, maxOfAddress: ofAddress, ofAddress: make(map[string]int)}
}

// enter counts one more, which leave takes back, the first time it is called.
// The error is errCrowd or errCrowdAddress.
func (u *unauthenticated) enter(addr string) (leave func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.ofAddress[addr] >= u.maxOfAddress:
		return nil, errCrowdAddress
	case u.all >= u.max:
		return nil, errCrowd
	}
	u.all++
	u.ofAddress[addr]++
	return sync.OnceFunc(func() { u.leave(addr) }), nil
}

// count is how many there are now.
func (u *unauthenticated) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all
}

func (u *unauthenticated) leave(addr string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	u.ofAddress[addr]--
	if u.ofAddress[addr] == 0 {
		delete(u.ofAddress, addr)
	}
}
