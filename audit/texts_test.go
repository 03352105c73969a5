package audit_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// noise is a text that cannot be compressed, so that it is as long in an index.
func noise(length int) string {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // G404: the same in each run
	text := make([]byte, length)
	for i := range text {
		text[i] = byte('!' + random.IntN('~'-'!'))
	}
	return string(text)
}

// TestNoTextStopsTheTrail: whatever somebody says, it is stored as far as it goes, and so is
// what comes after it.
func TestNoTextStopsTheTrail(t *testing.T) {
	t.Parallel()
	said := []string{noise(20_000), "a\x00b", "\xff\xfe", strings.Repeat("\U000e0001", 5000), "\ud7ff\uffff", "🎟"}
	for kind, open := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			d := open(t)
			trail := run(t, audit.Options{Store: d, Fence: func() string { return "\x00" + noise(9000) }})
			for i, text := range said {
				e := happened(i)
				e.TicketID, e.Identity = ticket.ID(text), ticket.Identity{Issuer: text, Subject: text, SessionID: text, ClientID: text, TokenID: text}
				e.Presentation, e.Request.UserAgent, e.Request.Route, e.Reason = ticket.Presentation{Audience: text, Origin: text}, text, text, text
				e.Revocation = &ticket.Revocation{ID: text, Reason: text}
				trail.Record(e)
			}
			test.Wait(t, "all to be stored", func() bool { return trail.Stats().Stored == uint64(len(said)) })
			if s := trail.Stats(); !s.LastFailure.IsZero() {
				t.Errorf("the database has refused a batch: %+v", s)
			}
			// Not even what no event of ours has, beside others.
			trail.Record(happened(100))
			for i, text := range said {
				e := happened(200 + i)
				e.Kind, e.Outcome, e.Action = ticket.EventKind(text), text, ticket.Action(text)
				trail.Record(e)
				if err := trail.Keep(t.Context(), *e); err != nil {
					t.Errorf("Keep: %v", err)
				}
			}
			emitted := uint64(3*len(said) + 1)
			test.Wait(t, "all to be stored", func() bool { return trail.Stats().Stored == emitted })
			trail.stop()
			if s := trail.Stats(); s.LostFull+s.LostStopped > 0 || s.LastFailure.IsZero() {
				t.Errorf("%+v, want none lost after a batch was refused", s)
			}
			page, err := d.Search(t.Context(), ticket.AuditQuery{Subject: ticket.AuditText(said[0]), Limit: 10})
			if err != nil || len(page.Records) != 1 {
				t.Errorf("%d records of the longest name, %v, want one", len(page.Records), err)
			}
			holds(t, d)
		})
	}
}
