package service

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/bounded"
)

// TestRefusedConnectionsAreOneEpisode: a flood of thousands is two lines, with
// the remedy in the first one.
func TestRefusedConnectionsAreOneEpisode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var text bytes.Buffer
		counts := bounded.Stats{Max: 100, MaxOfAddress: 25, Network: netip.MustParsePrefix("192.0.2.0/32")}
		stats := func() map[string]bounded.Stats {
			mu.Lock()
			defer mu.Unlock()
			return map[string]bounded.Stats{public: counts, "internal": {Max: 16}}
		}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { watchRefused(ctx, stats, slog.New(slog.NewJSONHandler(&text, nil))) })
		for range 300 { // five minutes
			mu.Lock()
			counts.RefusedOfAddress += 1000
			mu.Unlock()
			<-time.After(time.Second)
		}
		<-time.After(2 * refusedQuiet)
		stop()
		watching.Wait()
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if len(lines) != 2 {
			t.Fatalf("got %d lines, want the beginning and the end:\n%s", len(lines), &text)
		}
		var begin, end struct {
			Listener, Bound, Network, Remedy string
			Max, Refused                     int
		}
		if err := json.Unmarshal([]byte(lines[0]), &begin); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(lines[1]), &end); err != nil {
			t.Fatal(err)
		}
		if begin.Listener != public || begin.Bound != "address" || begin.Network != "192.0.2.0/32" || begin.Max != 25 || !strings.Contains(begin.Remedy, "public.trusted_proxies") {
			t.Errorf("got %s, want whose connections, and what to do", lines[0])
		}
		if end.Listener != public || end.Refused != 300_000 {
			t.Errorf("got %s, want the number of refused connections", lines[1])
		}
	})
}
