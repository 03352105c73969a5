package ws

import "sync"

// unauthenticated counts the connections that have not authenticated yet, in all
// and by client address. It is safe for concurrent use.
type unauthenticated struct {
	max, maxOfAddress int

	mu        sync.Mutex
	all       int
	ofAddress map[string]int // no entry is zero
}

func newUnauthenticated(all, ofAddress int) *unauthenticated {
	return &unauthenticated{max: all, maxOfAddress: ofAddress, ofAddress: make(map[string]int)}
}

// enter counts one more. leave subtracts it again, the first time it is called.
// The error is errCrowded or errCrowdedAddress.
func (u *unauthenticated) enter(addr string) (leave func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.ofAddress[addr] >= u.maxOfAddress:
		return nil, errCrowdedAddress
	case u.all >= u.max:
		return nil, errCrowded
	}
	u.all++
	u.ofAddress[addr]++
	return sync.OnceFunc(func() { u.leave(addr) }), nil
}

// count returns how many there are now.
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
