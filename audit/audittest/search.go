package audittest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// searchFields: each field selects, and several select what all of them do.
func searchFields(tb testing.TB, s audit.Store) {
	var all []ticket.AuditRecord
	for i := range 12 {
		r := Record("one", uint64(i+1))
		r.Subject = []string{"alice", "bob", ""}[i%3]
		r.TicketID = []ticket.ID{"t1", "t2", "t3", ""}[i%4]
		r.Event = []ticket.EventKind{ticket.EventIssue, ticket.EventRefuse}[i%2]
		all = append(all, r)
	}
	mustAppend(tb, s, all...)
	since := all[6].At
	for name, row := range map[string]struct {
		q    ticket.AuditQuery
		want func(r ticket.AuditRecord) bool
	}{
		"everything": {ticket.AuditQuery{}, func(ticket.AuditRecord) bool { return true }},
		"sub":        {ticket.AuditQuery{Subject: "alice"}, func(r ticket.AuditRecord) bool { return r.Subject == "alice" }},
		"ticket_id":  {ticket.AuditQuery{TicketID: "t2"}, func(r ticket.AuditRecord) bool { return r.TicketID == "t2" }},
		"event":      {ticket.AuditQuery{Event: ticket.EventRefuse}, func(r ticket.AuditRecord) bool { return r.Event == ticket.EventRefuse }},
		"since":      {ticket.AuditQuery{Since: since}, func(r ticket.AuditRecord) bool { return !r.At.Before(since) }},
		"sub and event": {ticket.AuditQuery{Subject: "bob", Event: ticket.EventRefuse}, func(r ticket.AuditRecord) bool {
			return r.Subject == "bob" && r.Event == ticket.EventRefuse
		}},
		"all of them": {ticket.AuditQuery{Subject: "bob", TicketID: "t2", Event: ticket.EventRefuse, Since: epoch}, func(r ticket.AuditRecord) bool {
			return r.Subject == "bob" && r.TicketID == "t2" && r.Event == ticket.EventRefuse
		}},
		"nobody": {ticket.AuditQuery{Subject: "ALICE"}, func(ticket.AuditRecord) bool { return false }},
		"later":  {ticket.AuditQuery{Since: all[11].At.Add(time.Millisecond)}, func(ticket.AuditRecord) bool { return false }},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(r ticket.AuditRecord) bool { return !row.want(r) })
		same(tb, name, search(tb, s, row.q), want)
		row.q.Newest = true
		slices.Reverse(want)
		same(tb, name+", newest first", search(tb, s, row.q), want)
	}
}

// mixed returns the records of three processes, of which many have the same time, in the
// order of a search.
func mixed(tb testing.TB, s audit.Store) []ticket.AuditRecord {
	tb.Helper()
	var all []ticket.AuditRecord
	for _, instance := range []string{"b", "a", "C"} {
		records := Records(instance, 1, 10)
		for i := range records {
			records[i].At = epoch.Add(time.Duration(i/4) * time.Millisecond)
		}
		mustAppend(tb, s, records...)
		all = append(all, records...)
	}
	slices.SortFunc(all, func(x, y ticket.AuditRecord) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		if x.Instance != y.Instance {
			return slices.Compare([]byte(x.Instance), []byte(y.Instance))
		}
		return int(x.Seq) - int(y.Seq)
	})
	return all
}

// searchOrder: time, then instance byte by byte, then Seq.
func searchOrder(tb testing.TB, s audit.Store) {
	want := mixed(tb, s)
	same(tb, "the oldest first", search(tb, s, ticket.AuditQuery{}), want)
	slices.Reverse(want)
	same(tb, "the newest first", search(tb, s, ticket.AuditQuery{Newest: true}), want)
}

// pages: whatever their size, they have each record once, in order, and the last one has no
// cursor.
func pages(tb testing.TB, s audit.Store) {
	want := mixed(tb, s)
	for _, newest := range []bool{false, true} {
		for _, limit := range []int{1, 7, len(want) - 1, len(want), len(want) + 1} {
			got := collect(tb, s, ticket.AuditQuery{Limit: limit, Newest: newest})
			same(tb, fmt.Sprintf("pages of %d, newest %v", limit, newest), got, want)
		}
		slices.Reverse(want)
	}
	for _, limit := range []int{0, -1} {
		if _, err := s.Search(tb.Context(), ticket.AuditQuery{Limit: limit}); err == nil {
			tb.Errorf("a limit of %d is no error", limit)
		}
	}
}

// collect reads all pages.
func collect(tb testing.TB, s audit.Store, q ticket.AuditQuery) (all []ticket.AuditRecord) {
	tb.Helper()
	for {
		page, err := s.Search(tb.Context(), q)
		if err != nil {
			tb.Fatal(err)
		}
		if len(page.Records) > q.Limit || len(page.Records) == 0 && page.Cursor != "" {
			tb.Fatalf("a page of %d has %d records and the cursor %q", q.Limit, len(page.Records), page.Cursor)
		}
		all = append(all, page.Records...)
		if page.Cursor == "" {
			return all
		}
		q.Cursor = page.Cursor
	}
}

// pagesWhileWriting: ten readers get what was there at their start exactly once, in order,
// while newer records come.
func pagesWhileWriting(tb testing.TB, s audit.Store) {
	const before, readers = 200, 10
	want := Records("one", 1, before)
	mustAppend(tb, s, want...)
	stop := make(chan struct{})
	var writing, reading sync.WaitGroup
	writing.Go(func() {
		for seq := uint64(before + 1); ; seq += 5 {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Append(tb.Context(), Records("one", seq, 5)); err != nil {
				tb.Errorf("write: %v", err)
				return
			}
		}
	})
	for i := range readers {
		reading.Go(func() {
			q := ticket.AuditQuery{Limit: 30, Newest: i%2 == 1}
			var got []ticket.AuditRecord
			for len(got) == 0 || q.Cursor != "" {
				page, err := s.Search(tb.Context(), q)
				if err != nil {
					tb.Errorf("read: %v", err)
					return
				}
				got = append(got, page.Records...)
				if q.Cursor = page.Cursor; !q.Newest && len(got) > before {
					break // the writer may be faster
				}
			}
			got = slices.DeleteFunc(got, func(r ticket.AuditRecord) bool { return r.Seq > before })
			if q.Newest {
				slices.Reverse(got)
			}
			same(tb, "a reader", got, want)
		})
	}
	reading.Wait()
	close(stop)
	writing.Wait()
}

// cursors: one that no page had is refused.
func cursors(tb testing.TB, s audit.Store) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, cursor := range []string{
		"x", "?", "' OR 1=1 --", encode([]byte("1")), encode([]byte("1.2")), encode([]byte("a.1.b")), encode([]byte("1.b.c")), encode([]byte("1.1.")),
		encode([]byte("1.1.\x00")), encode([]byte("1.1.\xff")), encode([]byte("9223372036854775807.1.a")), encode([]byte("1.9223372036854775808.a")),
	} {
		if _, err := s.Search(tb.Context(), ticket.AuditQuery{Limit: 1, Cursor: cursor}); !errors.Is(err, audit.ErrCursor) || errors.Is(err, ticket.ErrUnavailable) {
			tb.Errorf("cursor %q: %v, want ErrCursor", cursor, err)
		}
	}
}
