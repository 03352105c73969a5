package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/internal/pause"
	"wsticket/ticket"
)

const (
	// storeTimeout bounds how long [Options.Durable] takes revocations, and loadTimeout how
	// long it takes to return them.
	storeTimeout = 5 * time.Second
	loadTimeout  = 30 * time.Second
	// storePause is the time between two attempts to store what could not be stored.
	storePause = time.Second
)

// ErrLog is wrapped by the error of [Registry.Sync] if [Options.Durable] cannot be read.
var ErrLog = errors.New("stored revocations cannot be read")

// RevocationLog stores revocations. Its methods are safe for concurrent use and end with
// their context. Errors wrap [ticket.ErrUnavailable].
type RevocationLog interface {
	// PutRevocations returns when the revocations would outlast a power cut. One that is
	// there already (same ID) stays as it is.
	PutRevocations(ctx context.Context, all []ticket.Revocation) error
	// Revocations returns those that have not expired at a time.
	Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error)
}

// isDurable reports whether a revocation is worth storing. A ticket lives for a minute, and
// a connection ends with its process.
func isDurable(v ticket.Revocation) bool { return v.TicketID == "" }

// load applies what is stored. It tries again until ctx ends.
func (r *Registry) load(ctx context.Context) error {
	if r.o.Durable == nil {
		return nil
	}
	for {
		all, err := r.stored(ctx)
		if err == nil {
			for _, v := range all {
				if r.revoked.add(v, inLog, r.o.Now()) {
					r.endRevoked(v)
				}
			}
			r.unstored.Store(true) // the stream may have more
			return nil
		}
		if !pause.For(ctx, retryPause) {
			return fmt.Errorf("%w: %w", ErrLog, err)
		}
	}
}

func (r *Registry) stored(ctx context.Context) ([]ticket.Revocation, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	return r.o.Durable.Revocations(ctx, r.o.Now())
}

// store stores revocations. What it cannot store is stored later by [Registry.Follow].
func (r *Registry) store(ctx context.Context, all []ticket.Revocation) error {
	if r.o.Durable == nil || len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := r.o.Durable.PutRevocations(ctx, all); err != nil {
		r.unstored.Store(true)
		return fmt.Errorf("revoke: %w", err)
	}
	r.revoked.mark(inLog, all)
	return nil
}

// storeOwed stores until ctx ends what is not stored.
func (r *Registry) storeOwed(ctx context.Context) {
	for pause.For(ctx, storePause) {
		if !r.unstored.Swap(false) {
			continue
		}
		for {
			owed := r.revoked.owed(inLog, r.o.Now(), perEntry)
			if len(owed) == 0 || r.store(ctx, owed) != nil {
				break
			}
		}
	}
}
