package audittest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// Million is how many records [BenchSearch] searches.
const Million = 1_000_000

// fillBatch is how many records are appended at once to fill a database.
const fillBatch = 1000

// lives is what a ticket goes through.
var lives = [...]ticket.EventKind{ticket.EventIssue, ticket.EventRedeem, ticket.EventConnect, ticket.EventDisconnect}

// Typical returns a record as a service writes it: of a hundred thousand users, each
// ticket has one of each kind in lives.
func Typical(instance string, seq uint64) ticket.AuditRecord {
	n := seq / uint64(len(lives))
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], seq)
	hash := sha256.Sum256(number[:])
	kind := lives[seq%uint64(len(lives))]
	return ticket.AuditRecord{
		Instance: instance, Seq: seq, At: epoch.Add(time.Duration(seq) * 10 * time.Millisecond),
		Event: kind, Action: ticket.Action(kind), Outcome: "ok", Reason: "ok",
		Issuer: "https://login.example.com/", Subject: fmt.Sprintf("auth0|%024x", n%100_000), SessionID: fmt.Sprintf("%032x", n%200_000), ClientID: "web", TokenID: fmt.Sprintf("%032x", n),
		TicketID: ticket.ID(fmt.Sprintf("%022d", n)), Audience: "chat", Door: ticket.DoorQuery, Origin: "https://app.example.com", ClientIP: "203.0.113.7",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		Route:     "/ws/chat/{room}", RequestID: fmt.Sprintf("%026d", seq), Fence: "0af7651916cd43dd8448eb211c80319c0af7651916cd43dd", DurationMS: 2, Hash: hash[:],
	}
}

// Fill appends n typical records to a database.
func Fill(tb testing.TB, s audit.Store, n int) {
	tb.Helper()
	batch := make([]ticket.AuditRecord, 0, fillBatch)
	for seq := range uint64(n) {
		if batch = append(batch, Typical("fill", seq+1)); len(batch) == fillBatch || seq+1 == uint64(n) {
			if err := s.Append(tb.Context(), batch); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// BenchAppend measures the records in a second by the size of a batch.
func BenchAppend(b *testing.B, fresh Factory) {
	b.Helper()
	for _, size := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := fresh(b)
			batch := make([]ticket.AuditRecord, size)
			seq, records := uint64(0), 0
			for b.Loop() {
				for i := range batch {
					seq++
					batch[i] = Typical("bench", seq)
				}
				if err := s.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				records += size
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchSearch measures searches in a database with a million records, which it fills. size
// returns the bytes that the database takes. It is skipped with -short.
func BenchSearch(b *testing.B, fresh Factory, size func() int64) {
	b.Helper()
	if testing.Short() {
		b.Skip("fills a database with a million records")
	}
	s := fresh(b)
	start := time.Now()
	Fill(b, s, Million)
	b.Logf("filled in %s: %d MB", time.Since(start).Round(time.Second), size()>>20)
	middle := Typical("fill", Million/2)
	for name, q := range map[string]ticket.AuditQuery{
		"sub":              {Subject: middle.Subject, Limit: 100},
		"ticket_id":        {TicketID: middle.TicketID, Limit: 100},
		"sub,event,newest": {Subject: middle.Subject, Event: ticket.EventRedeem, Newest: true, Limit: 100},
		"event,since":      {Event: ticket.EventRedeem, Since: middle.At, Limit: 100},
		"newest":           {Newest: true, Limit: 100},
		"nobody":           {Subject: "nobody", Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := s.Search(b.Context(), q)
				if err != nil || (len(page.Records) == 0) != (name == "nobody") {
					b.Fatalf("%d records, %v", len(page.Records), err)
				}
			}
		})
	}
}
