package ws

import (
	"log/slog"
	"net/netip"
	"strconv"
	"sync"

	"wsticket/gate"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// The limits of connections that have not authenticated, by the keys of the
// configuration of serve.
const (
	limitUnauthenticated           = "limits.unauthenticated"
	limitUnauthenticatedPerAddress = "limits.unauthenticated_per_address"
)

// unauthenticated counts the connections that have not authenticated yet, in all,
// by client address, and by the networks of IPv6 addresses. It is safe for
// concurrent use.
type unauthenticated struct {
	max, maxOfAddress int

	mu        sync.Mutex
	all       int
	ofNetwork [len(limit.Networks)]map[netip.Prefix]int // no entry is zero
}

func newUnauthenticated(all, ofAddress int) *unauthenticated {
	u := &unauthenticated{max: all, maxOfAddress: ofAddress}
	for n := range u.ofNetwork {
		u.ofNetwork[n] = make(map[netip.Prefix]int)
	}
	return u
}

// maxOf bounds the n-th network of an address. A network that is larger than one
// client gets half of all places at most, so that it cannot hold all of them.
func (u *unauthenticated) maxOf(n int) int {
	if n == 0 {
		return u.maxOfAddress
	}
	return min(u.maxOfAddress*limit.Networks[n].Times, max(u.maxOfAddress, u.max/2))
}

// enterUnauthenticated counts the connection of a handshake; see
// [unauthenticated.enter].
func (h *Handler) enterUnauthenticated(s *handshake) (leave func(), err error) {
	addr := s.candidate.Presentation.ClientIP
	return h.unauthenticated.enter(limit.Client{Addr: addr, Many: h.o.Gate.IsProxy(addr)})
}

// enter counts one more. leave subtracts it again, the first time it is called.
// The error is errCrowded or errCrowdedAddress, and says which limit it is.
func (u *unauthenticated) enter(c limit.Client) (leave func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for n, counts := range u.ofNetwork {
		if network, ok := c.Network(n); ok && counts[network] >= u.maxOf(n) {
			return nil, gate.LimitedBy(limitUnauthenticatedPerAddress, errCrowdedAddress, gate.NetworkAttr(network), atMost(u.maxOf(n)))
		}
	}
	if u.all >= u.max {
		return nil, gate.LimitedBy(limitUnauthenticated, errCrowded, atMost(u.max))
	}
	u.addLocked(c, 1)
	return sync.OnceFunc(func() { u.leave(c) }), nil
}

func atMost(n int) slog.Attr { return ticket.Expected("at most " + strconv.Itoa(n)) }

// count returns how many there are now.
func (u *unauthenticated) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all
}

func (u *unauthenticated) leave(c limit.Client) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.addLocked(c, -1)
}

func (u *unauthenticated) addLocked(c limit.Client, one int) {
	u.all += one
	for n, counts := range u.ofNetwork {
		network, ok := c.Network(n)
		if !ok {
			continue
		}
		if counts[network] += one; counts[network] == 0 {
			delete(counts, network)
		}
	}
}
