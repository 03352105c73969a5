package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

// fake is a store in memory whose faults the test decides.
type fake struct {
	audit.Store // for what the trail does not use

	mu      sync.Mutex
	records map[string][]ticket.AuditRecord // by instance
	fault   func(call int) (before, after error)
	gate    chan struct{} // not nil: Append waits for it
	calls   int
	pruned  []string // what was asked to be removed
	prune   func(calls int) (int, error)
}

func newFake() *fake { return &fake{records: make(map[string][]ticket.AuditRecord)} }

// Append fails before or after it has stored the records.
func (f *fake) Append(ctx context.Context, records []ticket.AuditRecord) error {
	f.mu.Lock()
	f.calls++
	call, gate, fault := f.calls, f.gate, f.fault
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var before, after error
	if fault != nil {
		before, after = fault(call)
	}
	if before != nil {
		return before
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		chain := f.records[r.Instance]
		if r.Seq > uint64(len(chain))+1 {
			return audit.ErrGap
		}
		if r.Seq == uint64(len(chain))+1 {
			f.records[r.Instance] = append(chain, r)
		}
	}
	return after
}

func (f *fake) Prune(_ context.Context, before time.Time, _ int) (int, error) {
	return f.noted("records before " + before.UTC().Format(time.RFC3339))
}

func (f *fake) PruneRevocations(context.Context, time.Time, int) (int, error) {
	return f.noted("revocations")
}

func (f *fake) noted(what string) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pruned = append(f.pruned, what)
	if f.prune == nil {
		return 0, nil
	}
	return f.prune(len(f.pruned))
}

// Chains and ReadChain are those of a chain that nobody has touched.
func (f *fake) Chains(context.Context) ([]audit.Chain, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []audit.Chain
	for name, chain := range f.records {
		last := chain[len(chain)-1]
		all = append(all, audit.Chain{Instance: name, LastSeq: last.Seq, LastHash: last.Hash})
	}
	return all, nil
}

func (f *fake) ReadChain(_ context.Context, instance string, after uint64, limit int) ([]ticket.AuditRecord, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chain := f.records[instance]
	from := min(after, uint64(len(chain)))
	return slices.Clone(chain[from:min(from+uint64(limit), uint64(len(chain)))]), nil
}

// all returns the records of all instances.
func (f *fake) all() (all []ticket.AuditRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, chain := range f.records {
		all = append(all, chain...)
	}
	return all
}

// set changes the faults.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// running is a trail that runs.
type running struct {
	*audit.Trail
	log  *test.Output
	stop func() // and wait for its end
}

func run(tb testing.TB, o audit.Options) *running {
	tb.Helper()
	return runWith(tb, o, func(*audit.Trail) {})
}

// runImpatiently runs a trail that gives up a batch after a second.
func runImpatiently(tb testing.TB, o audit.Options) *running {
	tb.Helper()
	return runWith(tb, o, func(trail *audit.Trail) { trail.SetPatience(time.Second) })
}

func runWith(tb testing.TB, o audit.Options, prepare func(*audit.Trail)) *running {
	tb.Helper()
	log := new(test.Output)
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	trail, err := audit.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	prepare(trail)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		trail.Run(ctx)
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	tb.Cleanup(stop)
	return &running{trail, log, stop}
}

// happened is the nth event of a test.
func happened(n int) *ticket.Event {
	return &ticket.Event{
		Kind: ticket.EventRefuse, Action: ticket.ActionHandshake, TicketID: ticket.ID(fmt.Sprintf("ticket-%d", n)), Reason: "origin_not_allowed",
		Request: ticket.RequestInfo{ID: fmt.Sprintf("r-%d", n)},
	}
}

// names returns the request IDs of records, without those of lost events.
func names(records []ticket.AuditRecord) (all []string) {
	for _, r := range records {
		if r.Event != ticket.EventLost {
			all = append(all, r.RequestID)
		}
	}
	return all
}

// holds verifies all chains.
func holds(tb testing.TB, s audit.Store, options ...audit.VerifyOption) audit.Report {
	tb.Helper()
	report, err := audit.Verify(tb.Context(), s, options...)
	if err != nil || !report.OK() {
		tb.Errorf("Verify = %+v, %v, want no faults", report, err)
	}
	return report
}

// pass lets time pass in the bubble of a test.
func pass(d time.Duration) { <-time.After(d) }
