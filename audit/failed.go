package audit

import (
	"errors"
	"fmt"

	"wsticket/migrations"
	"wsticket/ticket"
)

// Failed returns an error of a [Store]: nil for nil, and otherwise one that names the
// operation and wraps what the methods of a store promise.
func Failed(store, op string, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrCursor, ErrGap, ErrText, migrations.ErrNewer, migrations.ErrPending} {
		if errors.Is(err, known) {
			return fmt.Errorf("%s: %s: %w", store, op, err)
		}
	}
	return fmt.Errorf("%s: %s: %w: %w", store, op, ticket.ErrUnavailable, err)
}
