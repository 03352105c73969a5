package audit_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/audit/postgres"
	"wsticket/audit/sqlite"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// redemption is an event as a handshake causes it.
func redemption() *ticket.Event {
	return &ticket.Event{
		Kind: ticket.EventRedeem, Action: ticket.ActionRedeem, At: time.Now(), TicketID: "AbCdEfGhIjKlMnOpQrStUv", Identity: test.Alice(), Reason: "ok",
		Request:      ticket.RequestInfo{ID: "HELB3WHE475SVIOBJCBLVY7DNE", ClientIP: netip.MustParseAddr("203.0.113.7"), Route: "/ws", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery, Audience: "chat", Origin: "https://app.example.com", ClientIP: netip.MustParseAddr("203.0.113.7")},
	}
}

// BenchmarkRecord measures what an event costs whoever reports it.
func BenchmarkRecord(b *testing.B) {
	trail, err := audit.New(audit.Options{Store: newFake(), Queue: 1 << 18})
	if err != nil {
		b.Fatal(err)
	}
	e := redemption()
	b.ReportAllocs()
	for b.Loop() {
		trail.Record(e)
	}
}

// BenchmarkTrail measures how many events a second a database takes, in batches as the trail
// writes them.
func BenchmarkTrail(b *testing.B) {
	for name, open := range map[string]func() (audit.Store, error){
		"none":     func() (audit.Store, error) { return nothing{}, nil },
		"sqlite":   func() (audit.Store, error) { return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "trail.db")) },
		"postgres": func() (audit.Store, error) { return postgres.Open(b.Context(), testenv.Postgres(b).NewDatabase()) },
	} {
		b.Run(name, func(b *testing.B) {
			store, err := open()
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			if err := store.Migrate(b.Context(), slog.New(slog.DiscardHandler)); err != nil {
				b.Fatal(err)
			}
			trail := run(b, audit.Options{Store: store, WhenFull: audit.Block})
			e := redemption()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				trail.Record(e)
			}
			trail.stop()
			b.ReportMetric(float64(trail.Stats().Stored)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// nothing is a store that takes everything and keeps nothing.
type nothing struct{ audit.Store }

func (nothing) Append(context.Context, []ticket.AuditRecord) error            { return nil }
func (nothing) Migrate(context.Context, *slog.Logger) error                   { return nil }
func (nothing) PruneRevocations(context.Context, time.Time, int) (int, error) { return 0, nil }
func (nothing) Close() error                                                  { return nil }
