package ws

import (
	"log/slog"
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

// enterUnauthenticated counts the connection of a handshake among those that have
// not authenticated yet. leave subtracts it again, the first time it is called.
// The error is errCrowded or errCrowdedAddress, and says which limit it is.
func (h *Handler) enterUnauthenticated(s *handshake) (leave func(), err error) {
	addr := s.candidate.Presentation.ClientIP
	client := limit.Client{Addr: addr, Many: s.gate.IsProxy(addr)}
	full, ok := h.unauthenticated.Take(client)
	switch {
	case ok:
		return sync.OnceFunc(func() { h.unauthenticated.Free(client) }), nil
	case full.OfAll:
		return nil, gate.LimitedBy(limitUnauthenticated, errCrowded, atMost(full.Max))
	default:
		return nil, gate.LimitedBy(limitUnauthenticatedPerAddress, errCrowdedAddress, gate.NetworkAttr(full.Network), atMost(full.Max))
	}
}

func atMost(n int) slog.Attr { return ticket.Expected("at most " + strconv.Itoa(n)) }
