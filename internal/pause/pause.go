// Package pause waits as long as a context lasts, or a little longer.
package pause

import (
	"context"
	"crypto/rand"
	"math/big"
	"time"
)

// For waits, and reports whether ctx lasts.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// About waits between a half of d and all of it, so that processes that failed together
// do not come back together. It reports whether ctx lasts.
func About(ctx context.Context, d time.Duration) bool {
	if part, err := rand.Int(rand.Reader, big.NewInt(int64(d/2)+1)); err == nil { // it always is
		d -= time.Duration(part.Int64())
	}
	return For(ctx, d)
}

// Outlast returns a context that ends when ctx has ended for d, or when stop is called. It
// is for what is still to be done at the end.
func Outlast(ctx context.Context, d time.Duration) (late context.Context, stop func()) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return late, func() { unwatch(); cancel() }
}
