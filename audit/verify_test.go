package audit_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// chainOf returns records of an instance, as a trail makes them, a day apart.
func chainOf(instance string, count int) []ticket.AuditRecord {
	all := make([]ticket.AuditRecord, count)
	previous := audit.FirstHash(instance)
	for i := range all {
		all[i] = ticket.AuditRecord{
			Instance: instance, Seq: uint64(i) + 1, At: time.UnixMilli(1_700_000_000_000).UTC().AddDate(0, 0, i), Event: ticket.EventRefuse,
			Subject: fmt.Sprint("user-", i+1), Details: map[string]string{"n": fmt.Sprint(i)},
		}
		previous = audit.Hash(previous, &all[i])
		all[i].Hash = previous
	}
	return all
}

// TestVerifyFindsWhatWasChanged: in one of three chains, which is named, and nothing else.
func TestVerifyFindsWhatWasChanged(t *testing.T) {
	t.Parallel()
	const of = " WHERE instance = 'two'"
	heads := []audit.Head{{Instance: "two", Seq: 10, Hash: chainOf("two", 10)[9].Hash}}
	anew := func() (statements []string) { // with other content, and hashes that fit
		changed := chainOf("two", 10)
		previous := audit.FirstHash("two")
		for i := range changed {
			changed[i].Subject = "mallory"
			previous = audit.Hash(previous, &changed[i])
			statements = append(statements, fmt.Sprintf("UPDATE audit_events SET sub = 'mallory', hash = %s%s AND seq = %d", "HEX("+hex.EncodeToString(previous)+")", of, i+1))
		}
		return append(statements, "UPDATE audit_chains SET last_hash = HEX("+hex.EncodeToString(previous)+")"+of)
	}
	refitted := func() string { // one record, whose own hash fits
		changed := chainOf("two", 10)
		changed[4].Subject = "mallory"
		return "UPDATE audit_events SET sub = 'mallory', hash = HEX(" + hex.EncodeToString(audit.Hash(changed[3].Hash, &changed[4])) + ")" + of + " AND seq = 5"
	}
	fault := func(kind audit.FaultKind, first, last uint64) []audit.Fault {
		return []audit.Fault{{kind, "two", first, last}}
	}
	rows := []struct {
		rule       string
		statements []string
		heads      []audit.Head
		want       []audit.Fault
	}{
		{"nothing", nil, heads, nil},
		{"a field", []string{"UPDATE audit_events SET sub = 'mallory'" + of + " AND seq = 5"}, nil, fault(audit.FaultChanged, 5, 5)},
		{"a time", []string{"UPDATE audit_events SET at = (SELECT at FROM audit_events" + of + " AND seq = 4)" + of + " AND seq = 5"}, nil, fault(audit.FaultChanged, 5, 5)},
		{"details", []string{"UPDATE audit_events SET details = ''" + of + " AND seq = 5"}, nil, fault(audit.FaultChanged, 5, 5)},
		{"a hash", []string{"UPDATE audit_events SET hash = HEX(00)" + of + " AND seq = 5"}, nil, fault(audit.FaultChanged, 5, 5)},
		{"a field, with the hash that fits", []string{refitted()}, nil, fault(audit.FaultChanged, 6, 6)},
		{"the first record", []string{"UPDATE audit_events SET sub = 'mallory'" + of + " AND seq = 1"}, nil, fault(audit.FaultChanged, 1, 1)},
		{"the last record", []string{"UPDATE audit_events SET sub = 'mallory'" + of + " AND seq = 10"}, nil, fault(audit.FaultChanged, 10, 10)},
		{"two records that changed places", []string{
			"UPDATE audit_events SET seq = 1000" + of + " AND seq = 5", "UPDATE audit_events SET seq = 5" + of + " AND seq = 6",
			"UPDATE audit_events SET seq = 6" + of + " AND seq = 1000",
		}, nil, fault(audit.FaultChanged, 5, 7)},
		{"one record is gone", []string{"DELETE FROM audit_events" + of + " AND seq = 5"}, nil, fault(audit.FaultRemoved, 5, 5)},
		{"several are gone", []string{"DELETE FROM audit_events" + of + " AND seq BETWEEN 5 AND 8"}, nil, fault(audit.FaultRemoved, 5, 8)},
		{"the first ones are gone", []string{"DELETE FROM audit_events" + of + " AND seq <= 3"}, nil, fault(audit.FaultRemoved, 1, 3)},
		{"the last ones are gone", []string{"DELETE FROM audit_events" + of + " AND seq > 8"}, nil, fault(audit.FaultCut, 9, 10)},
		{"all are gone", []string{"DELETE FROM audit_events" + of}, nil, fault(audit.FaultCut, 1, 10)},
		{"one more at the end", []string{"INSERT INTO audit_events SELECT * FROM audit_events" + of + " AND seq = 10", "", ""}, nil, fault(audit.FaultInserted, 11, 11)},
		{"the table of chains says another hash", []string{"UPDATE audit_chains SET last_hash = HEX(00)" + of}, nil, fault(audit.FaultHead, 10, 10)},
		{"one before what was removed by age", []string{"PRUNE", "UPDATE audit_events SET seq = 1" + of + " AND seq = 10"}, nil, []audit.Fault{
			{audit.FaultInserted, "two", 1, 1}, {audit.FaultCut, "two", 10, 10},
		}},
		{"removed by age alone", []string{"PRUNE"}, heads, nil},
		{"the first one that age has left", []string{"PRUNE", "UPDATE audit_events SET sub = 'mallory'" + of + " AND seq = 4"}, nil, fault(audit.FaultChanged, 4, 4)},
		// Who may write all tables makes a chain that holds. What is known from elsewhere shows it.
		{"the end, in both tables", cutBoth(of), nil, nil},
		{"the end, in both tables, and its head is known", cutBoth(of), heads, fault(audit.FaultCut, 9, 10)},
		{"all of it made anew", anew(), nil, nil},
		{"all of it made anew, and its head is known", anew(), heads, fault(audit.FaultHead, 10, 10)},
		{"the whole chain is gone", []string{"DELETE FROM audit_events" + of, "DELETE FROM audit_chains" + of}, nil, nil},
		{"the whole chain is gone, and its head is known", []string{"DELETE FROM audit_events" + of, "DELETE FROM audit_chains" + of}, heads, fault(audit.FaultRemoved, 1, 10)},
	}
	for kind, open := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			d := open(t)
			for _, row := range rows {
				d.exec(t, "DELETE FROM audit_events", "DELETE FROM audit_chains")
				for _, name := range []string{"one", "two", "wto"} {
					if err := d.Append(t.Context(), chainOf(name, 10)); err != nil {
						t.Fatal(err)
					}
				}
				d.tamper(t, row.statements)
				report, err := audit.Verify(t.Context(), d, audit.WithHeads(row.heads...))
				if err != nil || !reflect.DeepEqual(report.Faults, row.want) {
					t.Errorf("%s: got %+v, %v, want %+v", row.rule, report.Faults, err, row.want)
				}
			}
		})
	}
}

func cutBoth(of string) []string {
	return []string{
		"DELETE FROM audit_events" + of + " AND seq > 8",
		"UPDATE audit_chains SET last_seq = 8, last_hash = HEX(" + hex.EncodeToString(chainOf("two", 8)[7].Hash) + ")" + of,
	}
}

// tamper changes the database behind its back. HEX(…) is a literal of bytes.
func (d *database) tamper(t *testing.T, statements []string) {
	t.Helper()
	for _, text := range statements {
		switch {
		case text == "":
		case text == "PRUNE": // of every chain, the first three
			if n, err := d.Prune(t.Context(), chainOf("two", 4)[3].At, 100); err != nil || n != 9 {
				t.Fatalf("pruned %d, %v, want 9", n, err)
			}
		case strings.HasPrefix(text, "INSERT INTO audit_events SELECT *"):
			d.exec(t, "CREATE TEMPORARY TABLE copied AS"+strings.TrimPrefix(text, "INSERT INTO audit_events"),
				"UPDATE copied SET seq = 11", "INSERT INTO audit_events SELECT * FROM copied", "DROP TABLE copied")
		default:
			before, after := "X'", "'"
			if d.server != nil {
				before, after = `'\x`, "'"
			}
			for strings.Contains(text, "HEX(") {
				head, rest, _ := strings.Cut(text, "HEX(")
				bytes, tail, _ := strings.Cut(rest, ")")
				text = head + before + bytes + after + tail
			}
			d.exec(t, text)
		}
	}
}

// TestVerifyWhileProcessesWrite and remove what is old: what is new, or gone for its age, is
// no fault.
func TestVerifyWhileProcessesWrite(t *testing.T) {
	t.Parallel()
	for kind, open := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			d := open(t)
			var stop atomic.Bool
			var processes sync.WaitGroup
			for range 3 {
				trail := run(t, audit.Options{Store: d})
				processes.Go(func() { keepAndPrune(t, trail, d, &stop) })
				test.Wait(t, "some records", func() bool { return trail.Stats().Stored > 50 })
			}
			for range 20 {
				if report := holds(t, d); report.Chains != 3 {
					t.Errorf("%d chains, want those of 3 processes", report.Chains)
				}
			}
			stop.Store(true)
			processes.Wait()
		})
	}
}

// keepAndPrune is a process that stores events, and removes most of them soon.
func keepAndPrune(t *testing.T, trail *running, d *database, stop *atomic.Bool) {
	ctx := context.WithoutCancel(t.Context())
	for n := 0; !stop.Load(); n++ {
		// On a busy machine it may not be stored in time, which is no fault.
		_ = trail.Keep(ctx, *happened(n))
		if n%20 == 19 {
			if _, err := d.Prune(ctx, time.Now().Add(time.Hour), 10); err != nil {
				t.Errorf("Prune: %v", err)
			}
		}
	}
}

// TestVerifyReadsInPages, tells how far it is, and ends where the store fails.
func TestVerifyReadsInPages(t *testing.T) {
	store := newFake()
	store.records["one"] = chainOf("one", 2500)
	var progress []uint64
	report := holds(t, store, audit.WithProgress(func(records uint64) { progress = append(progress, records) }))
	if want := []uint64{1000, 2000, 2500}; !reflect.DeepEqual(progress, want) || report.Records != 2500 {
		t.Errorf("progress %v, report %+v, want %v", progress, report, want)
	}
	for _, fault := range []failing{{store, true}, {store, false}} {
		if _, err := audit.Verify(t.Context(), fault); !errors.Is(err, errDown) {
			t.Errorf("Verify = %v, want the error of the store", err)
		}
	}
}

// failing is a store that cannot be read.
type failing struct {
	*fake
	chains bool
}

func (f failing) Chains(ctx context.Context) ([]audit.Chain, error) {
	if f.chains {
		return nil, errDown
	}
	return f.fake.Chains(ctx)
}

func (failing) ReadChain(context.Context, string, uint64, int) ([]ticket.AuditRecord, error) {
	return nil, errDown
}

// TestVerifyBoundsItsReport: a trail of which nothing holds has as many faults as records.
func TestVerifyBoundsItsReport(t *testing.T) {
	store := newFake()
	all := chainOf("one", 1000)
	for i := range all {
		if i%2 == 0 {
			all[i].Subject = "mallory"
		}
	}
	store.records["one"] = all
	report, err := audit.Verify(t.Context(), store)
	if err != nil || report.OK() || len(report.Faults) != 100 || report.More != 400 {
		t.Errorf("%d faults and %d more, %v, want 100 and 400", len(report.Faults), report.More, err)
	}
}
