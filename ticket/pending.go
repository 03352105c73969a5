package ticket

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// maxPending bounds the tickets that a [pending] remembers, at about 200 bytes each.
// Beyond it the oldest are forgotten, which counts too few.
const maxPending = 500_000

// maxMaxPending is the maximum of Options.MaxPending.
const maxMaxPending = 10_000

// pending counts the tickets of each subject that this process has issued and that it
// has not seen end. It is safe for concurrent use; nil counts nothing.
type pending struct {
	key *sealKey // makes tags of subjects, whichever keys seal tickets meanwhile

	mu    sync.Mutex
	byID  map[ID]pendingTicket
	of    map[Owner]int
	queue []ID // in the order of issue; some have ended
}

type pendingTicket struct {
	owner Owner
	until time.Time
}

func newPending(key *sealKey) *pending {
	return &pending{key: key, byID: make(map[ID]pendingTicket), of: make(map[Owner]int)}
}

// add counts a ticket, or returns [ErrTooManyTickets] if the subject has the most that
// it may have.
func (p *pending) add(id ID, who Identity, most int, now, until time.Time) error {
	if p == nil {
		return nil
	}
	owner := p.key.owner(who)
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && (len(p.queue) >= maxPending || p.overLocked(p.queue[0], now)) {
		p.endLocked(p.queue[0])
		p.queue = p.queue[1:]
	}
	if p.of[owner] >= most {
		return WithAttrs(ErrTooManyTickets, slog.String("limit", "limits.tickets_per_subject"),
			Expected(fmt.Sprintf("at most %d pending tickets of a subject", most)))
	}
	p.byID[id] = pendingTicket{owner, until}
	p.of[owner]++
	p.queue = append(p.queue, id)
	return nil
}

func (p *pending) overLocked(id ID, now time.Time) bool {
	t, ok := p.byID[id]
	return !ok || !now.Before(t.until)
}

// end stops to count a ticket, if it is counted: it is spent, or was never stored.
func (p *pending) end(id ID) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endLocked(id)
}

func (p *pending) endLocked(id ID) {
	t, ok := p.byID[id]
	if !ok {
		return
	}
	delete(p.byID, id)
	if p.of[t.owner]--; p.of[t.owner] == 0 {
		delete(p.of, t.owner)
	}
}
