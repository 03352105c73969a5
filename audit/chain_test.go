package audit_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// TestHashIsForEver: it is in databases. Who changes the encoding gives it another domain.
func TestHashIsForEver(t *testing.T) {
	first := audit.FirstHash("ONE")
	r := ticket.AuditRecord{
		Instance: "ONE", Seq: 1, At: time.UnixMilli(1_796_000_000_123), Event: ticket.EventRedeem, Action: ticket.ActionRedeem,
		Outcome: "redeemed", Reason: "ok", Issuer: "https://id.example.com", Subject: "alice", SessionID: "s", ClientID: "c", TokenID: "j",
		TicketID: "t", Audience: "chat", Door: ticket.DoorQuery, Origin: "https://app.example.com", ClientIP: "192.0.2.1", UserAgent: "ua",
		Route: "/ws", RequestID: "r", TraceID: "tr", Caller: "key:chat", Fence: "f", CloseCode: 1000, ClosedBy: "client", DurationMS: 2,
		Details: map[string]string{"b": "2", "a": "1"},
	}
	for what, row := range map[string]struct {
		got  []byte
		want string
	}{
		"the first": {first, firstHash}, "a record": {audit.Hash(first, &r), recordHash},
	} {
		if got := hex.EncodeToString(row.got); got != row.want {
			t.Errorf("%s: got %s, want %s", what, got, row.want)
		}
	}
	// Neither a part of a millisecond nor a zone is in a database, and the hash is not in itself.
	same := r
	same.At, same.Hash, same.Details = r.At.Add(400*time.Microsecond).In(time.FixedZone("east", 3600)), []byte("x"), map[string]string{"a": "1", "b": "2"}
	if !bytes.Equal(audit.Hash(first, &same), audit.Hash(first, &r)) {
		t.Error("the same record has another hash")
	}
	if bytes.Equal(audit.Hash(audit.FirstHash("TWO"), &r), audit.Hash(first, &r)) {
		t.Error("the hash does not depend on the one before")
	}
}

// FuzzHash: two records have the same hash only if they are the same.
func FuzzHash(f *testing.F) {
	f.Add([]byte{}, []byte{1})
	f.Add([]byte("\x01\x02\x03"), []byte("\x01\x02\x04"))
	previous := audit.FirstHash("one")
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, other := someRecord(a), someRecord(b)
		if same := fmt.Sprintf("%#v", one) == fmt.Sprintf("%#v", other); same != bytes.Equal(audit.Hash(previous, &one), audit.Hash(previous, &other)) {
			t.Errorf("the same: %v\n%#v\n%#v", same, one, other)
		}
	})
}

// someRecord is a record of few short texts, so that two of them are often nearly the same.
func someRecord(data []byte) ticket.AuditRecord {
	c := test.NewChoices(data)
	word := func() string { return c.Pick("", "a", "aa", "\x00", "a\x00", "\x00\x00\x00\x00\x00\x00\x00\x01a") }
	number := func() uint64 {
		return binary.BigEndian.Uint64([]byte{0, 0, 0, 0, 0, 0, byte(c.Below(2)), byte(c.Below(256))})
	}
	r := ticket.AuditRecord{
		Instance: word(), Seq: number(), At: time.UnixMilli(int64(number())).UTC(), Event: ticket.EventKind(word()), Action: ticket.Action(word()),
		Outcome: word(), Reason: word(), Issuer: word(), Subject: word(), SessionID: word(), ClientID: word(), TokenID: word(),
		TicketID: ticket.ID(word()), Audience: word(), Door: ticket.Door(word()), Origin: word(), ClientIP: word(), UserAgent: word(),
		Route: word(), RequestID: word(), TraceID: word(), Caller: word(), Fence: word(), CloseCode: uint16(number()), ClosedBy: word(), DurationMS: int64(number()),
	}
	for range c.Below(3) {
		if r.Details == nil {
			r.Details = make(map[string]string)
		}
		r.Details[word()] = word()
	}
	return r
}

const (
	firstHash  = "952dad8c43c7d9fab74d71e949d1cb9c579887109efe540684e38f12fbbedf44"
	recordHash = "985b6c4149cfce108580cfab3de517c491a1c78d6ee0502ee47139741db5bf31"
)
