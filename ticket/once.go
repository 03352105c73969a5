package ticket

import (
	"context"
	"time"
)

// Once remembers names for a time, so that what they name counts once: a token that has
// an ID and may be used one time only. Implementations are safe for concurrent use, share
// what they know between all processes of a store, and pass storetest.RunOnce.
type Once interface {
	// First reports whether the name is not remembered, and remembers it for keep, which
	// is at least a millisecond. Of concurrent calls with one name one reports true. The
	// error wraps [ErrUnavailable], or [ErrFull] where there is no room; then the name
	// may or may not be remembered, and [Once.Forget] makes it sure that it is not.
	First(ctx context.Context, name string, keep time.Duration) (first bool, err error)
	// Forget makes a name as if it had never been there, because its use has failed. The
	// error wraps [ErrUnavailable].
	Forget(ctx context.Context, name string) error
}
