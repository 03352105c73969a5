package auth

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// Bounds of the lookups that are under way.
const (
	// maxLookups bounds those that the application is asked at once, and
	// maxFlights these and the ones that wait for their turn.
	maxLookups = 64
	maxFlights = 1024
	// lookupsOfAddress and flightsOfAddress are the share of one client address: a
	// quarter of the application's time, and more than the default of
	// limits.per_address brings in a second. Larger networks have the multiples of
	// package limit, and half of all at most.
	lookupsOfAddress = maxLookups / 4
	flightsOfAddress = maxFlights / 8
)

// clientOf returns the client of a request as limits count it.
func (s *Sessions) clientOf(ctx context.Context) limit.Client {
	addr := ticket.RequestOf(ctx).ClientIP
	return limit.Client{Addr: addr, Many: clientip.Within(addr, s.proxies)}
}

// busy is the error of a bound.
func busy(full limit.Full) error {
	most := ticket.Expected("at most " + strconv.Itoa(full.Max))
	if full.OfAll {
		return ticket.WithAttrs(sessionBusy, most)
	}
	return ticket.WithAttrs(sessionBusyAddress, slog.String("network", limit.NetworkText(full.Network)), most)
}

// turns are those to ask the application. They are given in the order in which they
// were asked for. A client that has its share waits, and those behind it do not. It
// is safe for concurrent use; its callers bound how many wait.
type turns struct {
	places *limit.Places

	mu      sync.Mutex
	waiting []*turn
}

// turn is one that somebody waits for.
type turn struct {
	client limit.Client
	given  chan struct{} // closed with a place
}

// take waits for a turn of a client, until ctx ends. The caller calls [turns.end]
// once unless there is an error.
func (t *turns) take(ctx context.Context, c limit.Client) error {
	mine := &turn{client: c, given: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, mine)
	t.giveLocked()
	t.mu.Unlock()
	select {
	case <-mine.given:
		return nil
	case <-ctx.Done():
		return t.giveUp(mine)
	}
}

// giveUp returns the bound that has kept mine waiting, or nil if it was given at the
// last moment.
func (t *turns) giveUp(mine *turn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.waiting, mine)
	if at < 0 {
		return nil
	}
	t.waiting = slices.Delete(t.waiting, at, at+1)
	full, ok := t.places.Take(mine.client)
	if !ok {
		return busy(full)
	}
	return nil
}

// end ends a turn of a client, and gives the next ones.
func (t *turns) end(c limit.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places.Free(c)
	t.giveLocked()
}

func (t *turns) giveLocked() {
	for i := 0; i < len(t.waiting); {
		full, ok := t.places.Take(t.waiting[i].client)
		switch {
		case ok:
			close(t.waiting[i].given)
			t.waiting = slices.Delete(t.waiting, i, i+1)
		case full.OfAll:
			return
		default:
			i++
		}
	}
}

func allValid(prefixes []netip.Prefix) bool {
	return !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !p.IsValid() })
}
