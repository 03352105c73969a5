package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"wsticket/ticket"
)

// FaultKind says what is wrong with a chain.
type FaultKind string

// The kinds of a [Fault].
const (
	// FaultChanged: a record is not what was written, or stands in another one's place.
	FaultChanged FaultKind = "changed"
	// FaultRemoved: records are missing between others.
	FaultRemoved FaultKind = "removed"
	// FaultCut: records are missing at the end.
	FaultCut FaultKind = "cut"
	// FaultInserted: records were added that the process has not written.
	FaultInserted FaultKind = "inserted"
	// FaultHead: the chain does not end as the table of chains, or a known [Head], says.
	FaultHead FaultKind = "head"
)

// Fault is a place where a chain does not hold.
type Fault struct {
	Kind     FaultKind `json:"fault"`
	Instance string    `json:"instance"`
	// Seq is that of the first record it is about, and Last that of the last one.
	Seq  uint64 `json:"seq"`
	Last uint64 `json:"last"`
}

// Report is what [Verify] has found.
type Report struct {
	Chains  int    `json:"chains"`
	Records uint64 `json:"records"`
	// Faults has the first hundred, and More is how many there are beyond them.
	Faults []Fault `json:"faults,omitempty"`
	More   int     `json:"more,omitempty"`
}

// OK reports whether every chain holds.
func (r Report) OK() bool { return len(r.Faults) == 0 }

const maxFaults = 100

func (r *Report) add(all ...Fault) {
	room := min(len(all), maxFaults-len(r.Faults))
	r.Faults = append(r.Faults, all[:room]...)
	r.More += len(all) - room
}

// VerifyOption is a setting of [Verify].
type VerifyOption func(*verifier)

// WithProgress has f called after each page of records, with how many were read.
func WithProgress(f func(records uint64)) VerifyOption {
	return func(v *verifier) { v.progress = f }
}

// WithHeads adds places of chains that are known from elsewhere, such as the log of a
// process that has stopped. Without them nobody can see that a chain was made anew, or
// was removed as a whole.
func WithHeads(heads ...Head) VerifyOption {
	return func(v *verifier) { v.heads = append(v.heads, heads...) }
}

// Verify reads every chain and reports where one does not hold. What retention has removed
// at the beginning of a chain is no fault. It may be called while processes write. It
// takes the memory of one page, whatever the size of the trail.
func Verify(ctx context.Context, s Store, options ...VerifyOption) (Report, error) {
	v := &verifier{store: s, progress: func(uint64) {}}
	for _, set := range options {
		set(v)
	}
	chains, err := s.Chains(ctx)
	if err != nil {
		return v.report, fmt.Errorf("audit: verify: %w", err)
	}
	v.report.Chains = len(chains)
	for _, c := range chains {
		if err := v.verify(ctx, c); err != nil {
			return v.report, fmt.Errorf("audit: verify: %w", err)
		}
	}
	for _, head := range v.heads {
		if !slices.ContainsFunc(chains, func(c Chain) bool { return c.Instance == head.Instance }) {
			v.report.add(Fault{FaultRemoved, head.Instance, 1, head.Seq})
		}
	}
	return v.report, nil
}

// verifier is one verification.
type verifier struct {
	store    Store
	progress func(uint64)
	heads    []Head
	report   Report
	chain    chain
}

func (v *verifier) verify(ctx context.Context, c Chain) error {
	w := walk{verifier: v, known: c, end: c.LastSeq, pruned: c.PrunedSeq, last: c.PrunedSeq, candidates: [][]byte{c.PrunedHash}}
	if c.PrunedSeq == 0 {
		w.candidates = [][]byte{FirstHash(c.Instance)}
	}
	err := w.read(ctx)
	v.report.Records += w.records
	v.report.add(w.faults...)
	return err
}

// walk goes through the records of a chain, which may grow and be pruned meanwhile.
type walk struct {
	*verifier
	known   Chain // when it began
	records uint64
	faults  []Fault

	// end and pruned are LastSeq and PrunedSeq of the chain, since the page was read if
	// fresh.
	end, pruned uint64
	fresh       bool

	last uint64 // of the record before
	// candidates are what the hash of the record before can be: the one that it has and,
	// where that does not fit to its fields, the one that it should have. Either may be
	// what was changed. There are none if the record is missing.
	candidates [][]byte
	hash       []byte // that the record before has
}

const verifyPage = 1000

func (w *walk) read(ctx context.Context) error {
	after := uint64(0) // there may be records where there should be none
	for {
		page, err := w.store.ReadChain(ctx, w.known.Instance, after, verifyPage)
		if err != nil {
			return err
		}
		w.fresh = false
		for i := range page {
			more, err := w.next(ctx, &page[i])
			if err != nil {
				return err
			}
			if !more {
				return w.finish(ctx)
			}
		}
		if len(page) > 0 {
			after = page[len(page)-1].Seq
			w.progress(w.report.Records + w.records)
		}
		if len(page) < verifyPage {
			return w.finish(ctx)
		}
	}
}

// refresh reads what is known of the chain, once for each page. A chain that is gone has
// been pruned as a whole.
func (w *walk) refresh(ctx context.Context) error {
	if w.fresh {
		return nil
	}
	all, err := w.store.Chains(ctx)
	if err != nil {
		return err
	}
	w.fresh, w.pruned = true, w.end
	for _, now := range all {
		if now.Instance == w.known.Instance {
			w.end, w.pruned = now.LastSeq, now.PrunedSeq
		}
	}
	return nil
}

// fault adds a fault, to the one before if they are the same.
func (w *walk) fault(kind FaultKind, first, last uint64) {
	if n := len(w.faults); n > 0 && w.faults[n-1].Kind == kind && w.faults[n-1].Last+1 == first {
		w.faults[n-1].Last = last
		return
	}
	if len(w.faults) > maxFaults {
		w.report.More++
		return
	}
	w.faults = append(w.faults, Fault{kind, w.known.Instance, first, last})
}

// next looks at a record. It returns false if that is one which the process has written
// since the walk began.
func (w *walk) next(ctx context.Context, r *ticket.AuditRecord) (more bool, err error) {
	switch {
	case r.Seq <= w.known.PrunedSeq:
		w.records++
		w.fault(FaultInserted, r.Seq, r.Seq)
		return true, nil
	case r.Seq > w.known.LastSeq:
		if err := w.refresh(ctx); err != nil || r.Seq <= w.end {
			return false, err
		}
		w.records++
		w.fault(FaultInserted, r.Seq, r.Seq)
		return true, nil
	case r.Seq != w.last+1:
		if err := w.refresh(ctx); err != nil {
			return false, err
		}
		w.gap(r.Seq)
	}
	w.records++
	w.check(r)
	return true, nil
}

// gap looks at records that are missing before one: removed, or pruned meanwhile.
func (w *walk) gap(before uint64) {
	if first := max(w.last, w.pruned) + 1; first < before {
		w.fault(FaultRemoved, first, before-1)
	}
	w.candidates = nil
}

// check checks that a record fits to the one before it.
func (w *walk) check(r *ticket.AuditRecord) {
	fits := len(w.candidates) == 0
	var should []byte
	for _, previous := range w.candidates {
		should = w.chain.hash(previous, r)
		if fits = bytes.Equal(should, r.Hash); fits {
			break
		}
	}
	w.last, w.hash, w.candidates = r.Seq, r.Hash, [][]byte{r.Hash}
	if !fits {
		w.fault(FaultChanged, r.Seq, r.Seq)
		w.candidates = append(w.candidates, should)
	}
	w.compare(r)
}

// compare compares a record with what is known of it from elsewhere.
func (w *walk) compare(r *ticket.AuditRecord) {
	for _, head := range w.heads {
		if head.Instance == r.Instance && head.Seq == r.Seq && !bytes.Equal(head.Hash, r.Hash) {
			w.fault(FaultHead, r.Seq, r.Seq)
		}
	}
}

// finish looks at the end of the chain as it was when the walk began, and at what is known
// of it from elsewhere.
func (w *walk) finish(ctx context.Context) error {
	end := w.known.LastSeq
	for _, head := range w.heads {
		if head.Instance == w.known.Instance {
			end = max(end, head.Seq)
		}
	}
	if w.last < end {
		if err := w.refresh(ctx); err != nil {
			return err
		}
		if first := max(w.last, w.pruned) + 1; first <= end {
			w.fault(FaultCut, first, end)
		}
		return nil
	}
	if w.last > w.known.PrunedSeq && !bytes.Equal(w.hash, w.known.LastHash) {
		w.fault(FaultHead, w.last, w.last)
	}
	return nil
}
