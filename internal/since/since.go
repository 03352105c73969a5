// Package since reads the beginning of a span of time as people write it.
package since

import "time"

// Parse reads a time (RFC 3339), or how long before now it was, as in 24h or 10m. A time
// that is still to come is one too. ok reports whether text is either.
func Parse(text string, now time.Time) (at time.Time, ok bool) {
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago).UTC(), ago >= 0
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err == nil
}
