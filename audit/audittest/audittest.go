// Package audittest is the conformance suite of [audit.Store]. Run it with -race.
package audittest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// Factory returns an empty store that is migrated. It is called once for each case, and
// closes the store by tb.Cleanup.
type Factory func(tb testing.TB) audit.Store

// epoch is when the records of the suite begin.
var epoch = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// Run runs each case of the suite as a parallel subtest on a store of its own.
func Run(t *testing.T, fresh Factory) {
	t.Helper()
	for name, check := range map[string]func(testing.TB, audit.Store){
		"what was stored is read":   reads,
		"odd texts":                 oddTexts,
		"what no database can hold": unstorable,
		"appended again":            again,
		"gaps":                      gaps,
		"nothing is stored of a batch that fails": wholeBatches,
		"search by field":                         searchFields,
		"search orders by time":                   searchOrder,
		"pages":                                   pages,
		"pages while others write":                pagesWhileWriting,
		"foreign cursors":                         cursors,
		"chains":                                  chains,
		"retention":                               prunes,
		"retention of a chain whose clock went back": prunesPrefix,
		"a chain goes on after retention":            prunedGoesOn,
		"retention by several at once":               prunesTogether,
		"an old chain is forgotten":                  forgets,
		"revocations":                                revocations,
		"a revocation stays as it is":                revocationStays,
		"expired revocations":                        revocationsExpire,
		"many writers":                               manyWriters,
		"contexts that have ended":                   endedContexts,
		"a closed store":                             closed,
		"the schema":                                 schema,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, fresh(t))
		})
	}
}

// Record returns a record in which every field has a value of its own. At grows by a
// second with each Seq.
func Record(instance string, seq uint64) ticket.AuditRecord {
	of := func(name string) string { return fmt.Sprintf("%s-%d", name, seq) }
	return ticket.AuditRecord{
		Instance: instance, Seq: seq, At: epoch.Add(time.Duration(seq)*time.Second + 7*time.Millisecond),
		Event: ticket.EventRedeem, Action: ticket.ActionRedeem, Outcome: "ok", Reason: "ok",
		Issuer: "https://idp.test", Subject: of("sub"), SessionID: of("sid"), ClientID: of("client"), TokenID: of("jti"),
		TicketID: ticket.ID(of("ticket")), Audience: of("audience"), Door: ticket.DoorQuery, Origin: "https://app.test", ClientIP: "192.0.2.7",
		UserAgent: of("agent"), Route: "/ws", RequestID: of("request"), TraceID: "0af7651916cd43dd8448eb211c80319c", Caller: of("caller"), Fence: of("fence"),
		CloseCode: 1000, ClosedBy: "client", DurationMS: int64(seq) * 1000,
		Details: map[string]string{"a": of("detail"), "b": "", "": "c"}, Hash: []byte{byte(seq >> 8), byte(seq), 0, 0xff},
	}
}

// Records returns n records from a Seq on.
func Records(instance string, from uint64, n int) []ticket.AuditRecord {
	all := make([]ticket.AuditRecord, n)
	for i := range all {
		all[i] = Record(instance, from+uint64(i))
	}
	return all
}

func mustAppend(tb testing.TB, s audit.Store, all ...ticket.AuditRecord) {
	tb.Helper()
	if err := s.Append(tb.Context(), all); err != nil {
		tb.Fatal(err)
	}
}

func search(tb testing.TB, s audit.Store, q ticket.AuditQuery) []ticket.AuditRecord {
	tb.Helper()
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	page, err := s.Search(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	return page.Records
}

func readChain(tb testing.TB, s audit.Store, instance string, after uint64, limit int) []ticket.AuditRecord {
	tb.Helper()
	all, err := s.ReadChain(tb.Context(), instance, after, limit)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// same checks that records are exactly those that are wanted.
func same(tb testing.TB, what string, got, want []ticket.AuditRecord) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%s: %d records %v, want %d", what, len(got), places(got), len(want))
		return
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			tb.Errorf("%s: record %d is\n%+v\nwant\n%+v", what, i, got[i], want[i])
		}
	}
}

// places returns which records there are, for messages.
func places(all []ticket.AuditRecord) []string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = fmt.Sprintf("%s/%d", all[i].Instance, all[i].Seq)
	}
	return names
}

// endedContexts: every method ends with its context, with an error that says that the
// store could not be used.
func endedContexts(tb testing.TB, s audit.Store) {
	mustAppend(tb, s, Records("one", 1, 3)...)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	for name, err := range methods(ctx, s, 4) {
		if !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			tb.Errorf("%s: %v, want ErrUnavailable and context.Canceled", name, err)
		}
	}
	// And the store is none the worse for it.
	mustAppend(tb, s, Records("one", 4, 3)...)
	same(tb, "afterwards", readChain(tb, s, "one", 0, 10), Records("one", 1, 6))
}

func closed(tb testing.TB, s audit.Store) {
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	for name, err := range methods(tb.Context(), s, 1) {
		if !errors.Is(err, ticket.ErrUnavailable) {
			tb.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// methods calls every method of a store and returns the errors.
func methods(ctx context.Context, s audit.Store, next uint64) map[string]error {
	all := make(map[string]error)
	all["Append"] = s.Append(ctx, Records("one", next, 1))
	_, all["Search"] = s.Search(ctx, ticket.AuditQuery{Limit: 1})
	_, all["Chains"] = s.Chains(ctx)
	_, all["ReadChain"] = s.ReadChain(ctx, "one", 0, 1)
	_, all["Prune"] = s.Prune(ctx, epoch, 1)
	all["PutRevocations"] = s.PutRevocations(ctx, []ticket.Revocation{revocation("r")})
	_, all["Revocations"] = s.Revocations(ctx, epoch)
	_, all["PruneRevocations"] = s.PruneRevocations(ctx, epoch, 1)
	all["Ping"] = s.Ping(ctx)
	return all
}

// schema: a migrated store says so, and may be migrated again.
func schema(tb testing.TB, s audit.Store) {
	if err := s.CheckSchema(tb.Context()); err != nil {
		tb.Error(err)
	}
	state, err := s.Schema(tb.Context())
	if err != nil || state.Version != state.Wanted || state.Version == 0 {
		tb.Errorf("%+v, %v, want the version of the program", state, err)
	}
	if err := s.Ping(tb.Context()); err != nil {
		tb.Error(err)
	}
}
