package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

const testID = ticket.ID("abcdefghijklmnopqrstuv")

func testRecord() ticket.Record {
	return ticket.Record{
		IssuedAt: time.UnixMilli(1_700_000_000_001).UTC(), ExpiresAt: time.UnixMilli(1_700_000_030_001).UTC(),
		Owner: ticket.Owner{0xaa, 15: 0xbb}, Payload: []byte("grant"),
	}
}

// testFence is one as Redis makes it.
func testFence() fence { return fence([]byte("0123456789abcdef0123456789abcdef01234567")) }

func mustEncode(tb testing.TB, id ticket.ID, rec ticket.Record) []byte {
	tb.Helper()
	b, err := encode(id, rec)
	if err != nil {
		tb.Fatal(err)
	}
	stamp(b, testFence())
	return b
}

func mustRemark(tb testing.TB, value []byte, m ticket.Mark) []byte {
	tb.Helper()
	stored, err := encodeMark(m)
	if err != nil {
		tb.Fatal(err)
	}
	return remark(value, stored)
}

func spentMark() ticket.Mark {
	return ticket.Mark{
		State: ticket.Refused, At: time.UnixMilli(1_700_000_001_000).UTC(), Attempt: "key", Reason: "wrong_origin",
	}
}

// The bytes are what older and newer processes on one Redis agree upon. A
// change of them needs a new version.
func TestRecordLayout(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	zeros := func(n int) string { return strings.Repeat("00", n) }
	text := func(s string) string { return hex.EncodeToString([]byte(s)) }
	before := []string{
		"01", text("0123456789abcdef0123456789abcdef01234567"), "0000018bcfe56801", "0000018bcfe5dd31",
		"aa0000000000000000000000000000bb",
	}
	after := []string{"16", text(string(testID)), text("grant")}
	tests := []struct {
		rule  string
		value []byte
		mark  []string
	}{
		{"a live record", live, []string{"01", zeros(8 + 2 + 64 + 32)}},
		{"the same one, spent", mustRemark(t, live, spentMark()), []string{
			"03", "0000018bcfe56be8", "03", "0c", text("key"), zeros(64 - 3), text("wrong_origin"), zeros(32 - 12),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			want := strings.Join(slices.Concat(before, tt.mark, after), "")
			if got := hex.EncodeToString(tt.value); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestRecordRoundTrip(t *testing.T) {
	rec := testRecord()
	value := mustEncode(t, testID, rec)
	marks := []ticket.Mark{
		{State: ticket.Pending},
		spentMark(),
		{State: ticket.Redeemed, At: time.UnixMilli(0).UTC()},
		{State: ticket.Revoked, At: time.UnixMilli(-1).UTC(), Attempt: strings.Repeat("a", ticket.MaxAttempt)},
		{State: ticket.Refused, At: time.UnixMilli(1).UTC(), Reason: strings.Repeat("r", maxReason)},
	}
	for _, m := range marks {
		before := bytes.Clone(value)
		if m.State != ticket.Pending {
			marked := mustRemark(t, value, m)
			if !bytes.Equal(value, before) {
				t.Fatal("remark changed its argument")
			}
			value = marked
		}
		got, err := decode(testID, value)
		if want := (ticket.Entry{Record: rec, Mark: m}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

// Outside of Redis a record has no fence.
func TestRecordWithoutFence(t *testing.T) {
	value, err := encode(testID, testRecord())
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(testID, mustRemark(t, value, spentMark()))
	if want := (ticket.Entry{Record: testRecord(), Mark: spentMark()}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, id := range []ticket.ID{"", ticket.ID(strings.Repeat("i", 256))} {
		if _, err := encode(id, testRecord()); !errors.Is(err, ticket.ErrInvalidRequest) {
			t.Errorf("id of %d bytes: got %v, want ErrInvalidRequest", len(id), err)
		}
	}
	marks := map[string]ticket.Mark{
		"a live state brings nothing back": {State: ticket.Pending},
		"no state":                         {},
		"an unknown state":                 {State: "burnt"},
		"an attempt that is too long":      {State: ticket.Redeemed, Attempt: strings.Repeat("a", ticket.MaxAttempt+1)},
		"a reason that is too long":        {State: ticket.Refused, Reason: strings.Repeat("r", maxReason+1)},
	}
	for rule, m := range marks {
		if _, err := encodeMark(m); !errors.Is(err, ticket.ErrInvalidRequest) {
			t.Errorf("%s: got %v, want ErrInvalidRequest", rule, err)
		}
	}
}

func TestParseFence(t *testing.T) {
	good := testFence()
	tests := []struct {
		rule, text string
		ok         bool
	}{
		{"as Redis makes it", string(good[:]), true},
		{"one digit short", string(good[1:]), false},
		{"one too many", string(good[:]) + "0", false},
		{"upper case, which Redis never writes", strings.ToUpper(string(good[:])), false},
		{"none", strings.Repeat("\x00", 40), false},
		{"nothing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got, ok := parseFence(tt.text)
			if ok != tt.ok || ok && got != good {
				t.Errorf("got %q, %v; want %v", got, ok, tt.ok)
			}
		})
	}
}

func TestDecodeTruncated(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	for _, value := range [][]byte{live, mustRemark(t, live, spentMark())} {
		payload := len(value) - len(testRecord().Payload)
		for n := range value {
			_, err := decode(testID, value[:n])
			if readable := n >= payload; errors.Is(err, ticket.ErrCorrupt) == readable {
				t.Errorf("first %d of %d bytes: got %v", n, len(value), err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	dead := mustRemark(t, live, spentMark())
	const atAttemptEnd = atMark + atAttempt + len("key")
	tests := []struct {
		rule  string
		value []byte
		at    int
		b     byte
	}{
		{"a version of the past", live, 0, 0},
		{"a version of the future", live, 0, 2},
		{"no state", live, atMark, 0},
		{"an unknown state", live, atMark, 5},
		{"a fence that is none at its beginning", live, atFence, 0},
		{"nor at its end", live, atIssued - 1, 'A'},
		{"a live record that was spent at some time", live, atMark + atSpent + 7, 1},
		{"a live record with an attempt", live, atMark + atLengths, 1},
		{"a live record with a reason", live, atMark + atLengths + 1, 1},
		{"a live record with what was an attempt", live, atMark + atAttempt, 'a'},
		{"a spent record that calls itself live", dead, atMark, statePending},
		{"an attempt longer than its place", dead, atMark + atLengths, ticket.MaxAttempt + 1},
		{"a reason longer than its place", dead, atMark + atLengths + 1, maxReason + 1},
		{"an attempt that is longer than it says", dead, atAttemptEnd, 'x'},
		{"a reason that is longer than it says", dead, atIDLen - 1, 'x'},
		{"an ID that reaches past the end", dead, atIDLen, 255},
		{"no ID", dead, atIDLen, 0},
		{"another ID", dead, atID, 'X'},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			value := bytes.Clone(tt.value)
			value[tt.at] = tt.b
			got, err := decode(testID, value)
			if !errors.Is(err, ticket.ErrCorrupt) || got.Record.Payload != nil {
				t.Errorf("got %+v, %v; want ErrCorrupt and no entry", got, err)
			}
		})
	}
	if _, err := decode("someone-elses-ticket-1", live); !errors.Is(err, ticket.ErrCorrupt) {
		t.Errorf("a record under another ID: got %v, want ErrCorrupt", err)
	}
}

// FuzzDecode: decode never panics, and what it accepts has no other spelling.
func FuzzDecode(f *testing.F) {
	live := mustEncode(f, testID, testRecord())
	f.Add(string(testID), live)
	f.Add(string(testID), mustRemark(f, live, spentMark()))
	f.Add("", make([]byte, atID))
	f.Add("i", mustEncode(f, "i", ticket.Record{}))
	bare, err := encode("i", testRecord())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("i", bare)
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		entry, err := decode(ticket.ID(id), value)
		if err != nil {
			if !errors.Is(err, ticket.ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		again := mustEncode(t, ticket.ID(id), entry.Record)
		copy(again[atFence:atIssued], value[atFence:]) // which decode leaves to the scripts
		if entry.Mark.State != ticket.Pending {
			again = mustRemark(t, again, entry.Mark)
		}
		if !bytes.Equal(again, value) {
			t.Errorf("decode and encode:\ngot  %x\nwant %x", again, value)
		}
	})
}

// The default clock has a monotonic reading, which a step of the wall clock
// does not touch.
func TestMemoryCountsByMonotonicClock(t *testing.T) {
	m, err := NewMemory(MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if text := m.start.String(); !strings.Contains(text, " m=") {
		t.Errorf("start: got %s, want a monotonic reading", text)
	}
}
