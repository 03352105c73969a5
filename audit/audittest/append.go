package audittest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// reads: every field comes back as it was, and so does one that is empty.
func reads(tb testing.TB, s audit.Store) {
	full := Record("one", 1)
	empty := ticket.AuditRecord{Instance: "one", Seq: 2, At: epoch.Add(time.Minute), Event: ticket.EventRefuse}
	largest := Record("one", 3)
	largest.CloseCode, largest.DurationMS = math.MaxUint16, math.MaxInt64
	want := []ticket.AuditRecord{full, empty, largest}
	mustAppend(tb, s, want...)
	same(tb, "the chain", readChain(tb, s, "one", 0, 10), want)
	same(tb, "a search", search(tb, s, ticket.AuditQuery{Since: epoch}), []ticket.AuditRecord{full, largest, empty})
	same(tb, "the chain after its first", readChain(tb, s, "one", 1, 1), want[1:2])
	same(tb, "an unknown chain", readChain(tb, s, "two", 0, 10), nil)
	// Whoever writes in another time zone, or finer, writes the same.
	zoned := Record("zone", 1)
	zoned.At = zoned.At.Add(123 * time.Microsecond).In(time.FixedZone("", 3600))
	mustAppend(tb, s, zoned)
	same(tb, "another time zone", readChain(tb, s, "zone", 0, 1), Records("zone", 1, 1))
	if err := s.Append(tb.Context(), nil); err != nil {
		tb.Errorf("nothing: %v", err)
	}
}

// oddTexts: a text is stored as it is, whatever it means to somebody, and found by it.
func oddTexts(tb testing.TB, s audit.Store) {
	odd := []string{
		"'; DROP TABLE audit_events; --", `back\slash "quote"`, "{array,of,things}", "NULL", "%_*?", "\t\r\n\x01\x7f", "\u202eright to left", "日本語🎟", "\ufeff\uffff",
		"$1", "?1", ":name", "  ", strings.Repeat("long ", 10_000),
	}
	var want []ticket.AuditRecord
	for i, text := range odd {
		r := Record("one", uint64(i+1))
		r.Subject, r.UserAgent, r.Origin, r.Details = text, text, text, map[string]string{text: text, "nul": "\x00"}
		want = append(want, r)
	}
	mustAppend(tb, s, want...)
	same(tb, "the chain", readChain(tb, s, "one", 0, len(want)), want)
	for i, text := range odd {
		same(tb, fmt.Sprintf("a search for %.40q", text), search(tb, s, ticket.AuditQuery{Subject: text}), want[i:i+1])
	}
}

func unstorable(tb testing.TB, s audit.Store) {
	for name, change := range map[string]func(*ticket.AuditRecord){
		"a NUL":               func(r *ticket.AuditRecord) { r.UserAgent = "a\x00b" },
		"no UTF-8":            func(r *ticket.AuditRecord) { r.Subject = "\xff" },
		"no UTF-8 in details": func(r *ticket.AuditRecord) { r.Details = map[string]string{"a": "\xff"} },
		"no instance":         func(r *ticket.AuditRecord) { r.Instance = "" },
	} {
		r := Record("one", 1)
		change(&r)
		if err := s.Append(tb.Context(), []ticket.AuditRecord{r}); !errors.Is(err, audit.ErrText) || errors.Is(err, ticket.ErrUnavailable) {
			tb.Errorf("%s: %v, want ErrText", name, err)
		}
	}
	same(tb, "nothing", search(tb, s, ticket.AuditQuery{}), nil)
}

// again: what is there stays as it is, also where a batch has more.
func again(tb testing.TB, s audit.Store) {
	want := Records("one", 1, 5)
	mustAppend(tb, s, want[:3]...)
	mustAppend(tb, s, want[:3]...)
	changed := Records("one", 2, 1)
	changed[0].Subject = "mallory"
	mustAppend(tb, s, changed...)
	mustAppend(tb, s, want[1:]...)
	mustAppend(tb, s, want[0])
	same(tb, "the chain", readChain(tb, s, "one", 0, 10), want)
	if got := chain(tb, s, "one"); got.LastSeq != 5 || string(got.LastHash) != string(want[4].Hash) {
		tb.Errorf("the end of the chain: %+v, want 5", got)
	}
}

// gaps: records that do not follow each other, or those before, are refused.
func gaps(tb testing.TB, s audit.Store) {
	mustAppend(tb, s, Records("one", 1, 3)...)
	for name, all := range map[string][]ticket.AuditRecord{
		"after the chain":     Records("one", 5, 1),
		"no beginning":        Records("two", 2, 1),
		"Seq 0":               Records("two", 0, 2),
		"within a batch":      {Record("two", 1), Record("two", 3)},
		"twice within it":     {Record("two", 1), Record("two", 1)},
		"of two processes":    {Record("two", 1), Record("three", 2)},
		"beyond what numbers": {Record("two", math.MaxUint64)},
	} {
		if err := s.Append(tb.Context(), all); !errors.Is(err, audit.ErrGap) || errors.Is(err, ticket.ErrUnavailable) {
			tb.Errorf("%s: %v, want ErrGap", name, err)
		}
	}
	same(tb, "what is there", search(tb, s, ticket.AuditQuery{}), Records("one", 1, 3))
	all, err := s.Chains(tb.Context())
	if err != nil || len(all) != 1 {
		tb.Errorf("chains: %+v, %v, want one", all, err)
	}
}

// wholeBatches: a batch is stored as a whole or not at all.
func wholeBatches(tb testing.TB, s audit.Store) {
	bad := Records("one", 1, 3)
	bad[2].Reason = "\xff"
	if err := s.Append(tb.Context(), bad); err == nil {
		tb.Error("it is stored")
	}
	same(tb, "nothing", search(tb, s, ticket.AuditQuery{}), nil)
	mustAppend(tb, s, Records("one", 1, 3)...)
}

// manyWriters: processes that write at once lose nothing, and readers see whole batches.
func manyWriters(tb testing.TB, s audit.Store) {
	const writers, batches, size = 4, 10, 20
	var running sync.WaitGroup
	for w := range writers {
		instance := fmt.Sprintf("writer-%d", w)
		running.Go(func() {
			for b := range batches {
				if err := s.Append(tb.Context(), Records(instance, uint64(b*size+1), size)); err != nil {
					tb.Errorf("%s: %v", instance, err)
				}
				if page, err := s.Search(tb.Context(), ticket.AuditQuery{Limit: writers * batches * size}); err != nil || len(page.Records)%size != 0 {
					tb.Errorf("a reader sees %d records, %v, want whole batches of %d", len(page.Records), err, size)
				}
			}
		})
	}
	running.Wait()
	for w := range writers {
		instance := fmt.Sprintf("writer-%d", w)
		same(tb, instance, readChain(tb, s, instance, 0, batches*size+1), Records(instance, 1, batches*size))
	}
}
