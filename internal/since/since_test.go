package since_test

import (
	"testing"
	"time"

	"wsticket/internal/since"
)

func TestParse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "1h30m": now.Add(-90 * time.Minute), "0s": now, "2026-11-29T16:00:00+01:00": now,
		"2026-11-29T15:00:00.5Z": now.Add(500 * time.Millisecond),
	} {
		if got, ok := since.Parse(text, now); !ok || got != want {
			t.Errorf("%q: got %v, %t, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-1h", "24", "yesterday", "2026-11-29", "2026-11-29T16:00:00 01:00", "2026-11-29 16:00:00Z"} {
		if got, ok := since.Parse(text, now); ok {
			t.Errorf("%q: got %v, want that it is refused", text, got)
		}
	}
}
