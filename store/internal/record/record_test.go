package record

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
func testFence() Fence { return Fence([]byte("0123456789abcdef0123456789abcdef01234567")) }

// kept is how long the records of the tests are kept after their lifetime.
const kept = time.Minute

func mustEncode(tb testing.TB, id ticket.ID, rec ticket.Record) []byte {
	tb.Helper()
	b, err := Encode(id, rec, time.Second, kept)
	if err != nil {
		tb.Fatal(err)
	}
	SetFence(b, testFence())
	return b
}

func mustMark(tb testing.TB, value []byte, m ticket.Mark) []byte {
	tb.Helper()
	stored, err := EncodeMark(m)
	if err != nil {
		tb.Fatal(err)
	}
	return WithMark(value, stored)
}

func spentMark() ticket.Mark {
	return ticket.Mark{
		State: ticket.Refused, At: time.UnixMilli(1_700_000_001_000).UTC(), Attempt: "key", Reason: "wrong_origin",
	}
}

// Older and newer processes share one Redis, so a change of the layout needs a new
// version.
func TestRecordLayout(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	zeros := func(n int) string { return strings.Repeat("00", n) }
	text := func(s string) string { return hex.EncodeToString([]byte(s)) }
	before := []string{
		"02", text("0123456789abcdef0123456789abcdef01234567"), "0000018bcfe56801", "0000018bcfe5dd31",
		"aa0000000000000000000000000000bb",
	}
	after := []string{"16", text(string(testID)), text("grant")}
	tests := []struct {
		rule  string
		value []byte
		mark  []string
	}{
		{"a live record", live, []string{"01", "000000000000ea60", zeros(2 + 64 + 32)}},
		{"the same one, expired", Expire(live), []string{"05", "000000000000ea60", zeros(2 + 64 + 32)}},
		{"the same one, spent", mustMark(t, live, spentMark()), []string{
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

func TestEncodeRefuses(t *testing.T) {
	for _, id := range []ticket.ID{"", ticket.ID(strings.Repeat("i", 256))} {
		if _, err := Encode(id, testRecord(), time.Second, kept); !errors.Is(err, ticket.ErrInvalidRequest) {
			t.Errorf("id of %d bytes: got %v, want ErrInvalidRequest", len(id), err)
		}
	}
	for _, lifetime := range []time.Duration{-time.Second, 0, 999 * time.Microsecond} {
		if _, err := Encode(testID, testRecord(), lifetime, kept); !errors.Is(err, ticket.ErrInvalidRequest) {
			t.Errorf("lifetime of %s: got %v, want ErrInvalidRequest", lifetime, err)
		}
	}
	marks := map[string]ticket.Mark{
		"a live state would revive a ticket": {State: ticket.Pending},
		"no state":                           {},
		"an unknown state":                   {State: "burnt"},
		"an attempt that is too long":        {State: ticket.Redeemed, Attempt: strings.Repeat("a", ticket.MaxAttempt+1)},
		"a reason that is too long":          {State: ticket.Refused, Reason: strings.Repeat("r", maxReason+1)},
	}
	for rule, m := range marks {
		if _, err := EncodeMark(m); !errors.Is(err, ticket.ErrInvalidRequest) {
			t.Errorf("%s: got %v, want ErrInvalidRequest", rule, err)
		}
	}
}

func TestConsumed(t *testing.T) {
	at := time.UnixMilli(1_700_000_001_000)
	first := ticket.Mark{State: ticket.Redeemed, At: at, Attempt: "a"}
	live := ticket.Entry{Record: testRecord(), Mark: ticket.Mark{State: ticket.Pending}}
	spent := ticket.Entry{Record: testRecord(), Mark: first}
	tests := []struct {
		rule   string
		before ticket.Entry
		mark   ticket.Mark
		want   error
	}{
		{"a live record is for the caller", live, first, nil},
		{"a spent one is for a retry", spent, first, nil},
		{"and for no other attempt", spent, ticket.Mark{State: ticket.Redeemed, At: at, Attempt: "b"}, ticket.ErrSpent},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			want := tt.before
			if tt.want != nil {
				want = ticket.Entry{}
			}
			got, err := Consumed(tt.before, tt.mark, time.Second)
			if !errors.Is(err, tt.want) || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, want, tt.want)
			}
		})
	}
}

func TestIsPending(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	if spent := mustMark(t, live, spentMark()); !IsPending(live) || IsPending(spent) {
		t.Errorf("live: got %v; spent: got %v", IsPending(live), IsPending(spent))
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
			got, ok := ParseFence(tt.text)
			if ok != tt.ok || ok && got != good {
				t.Errorf("got %q, %v; want %v", got, ok, tt.ok)
			}
		})
	}
}

func TestDecodeTruncated(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	for _, value := range [][]byte{live, mustMark(t, live, spentMark())} {
		payload := len(value) - len(testRecord().Payload)
		for n := range value {
			_, err := Decode(testID, value[:n])
			if readable := n >= payload; errors.Is(err, ticket.ErrCorrupt) == readable {
				t.Errorf("first %d of %d bytes: got %v", n, len(value), err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	live := mustEncode(t, testID, testRecord())
	dead := mustMark(t, live, spentMark())
	const atAttemptEnd = atMark + atAttempt + len("key")
	tests := []struct {
		rule  string
		value []byte
		at    int
		b     byte
	}{
		{"an older version", live, 0, 0},
		{"an older version", live, 0, 1},
		{"a newer version", live, 0, 3},
		{"no state", live, atMark, 0},
		{"an unknown state", live, atMark, 6},
		{"an invalid fence, at its beginning", live, atFence, 0},
		{"an invalid fence, at its end", live, atIssued - 1, 'A'},
		{"a live record with an attempt", live, atMark + atLengths, 1},
		{"a live record with a reason", live, atMark + atLengths + 1, 1},
		{"a live record with bytes of an attempt", live, atMark + atAttempt, 'a'},
		{"a spent record with the live state", dead, atMark, statePending},
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
			got, err := Decode(testID, value)
			if !errors.Is(err, ticket.ErrCorrupt) || got.Record.Payload != nil {
				t.Errorf("got %+v, %v; want ErrCorrupt and no entry", got, err)
			}
		})
	}
	if _, err := Decode("someone-elses-ticket-1", live); !errors.Is(err, ticket.ErrCorrupt) {
		t.Errorf("a record under another ID: got %v, want ErrCorrupt", err)
	}
}

// FuzzDecode checks that Decode never panics, and that each entry it returns has
// one encoding only.
func FuzzDecode(f *testing.F) {
	live := mustEncode(f, testID, testRecord())
	f.Add(string(testID), live)
	f.Add(string(testID), mustMark(f, live, spentMark()))
	f.Add("", make([]byte, atID))
	f.Add("i", mustEncode(f, "i", ticket.Record{}))
	bare, err := Encode("i", testRecord(), time.Second, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("i", bare)
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		entry, err := Decode(ticket.ID(id), value)
		if err != nil {
			if !errors.Is(err, ticket.ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		again := mustEncode(t, ticket.ID(id), entry.Record)
		copy(again[atFence:atIssued], value[atFence:]) // The scripts check it, not Decode.
		if entry.Mark.State != ticket.Pending {
			again = mustMark(t, again, entry.Mark)
		} else {
			copy(again[atMark+atSpent:atMark+atLengths], value[atMark+atSpent:]) // as above
		}
		if entry.Expired {
			again = Expire(again)
		}
		if !bytes.Equal(again, value) {
			t.Errorf("decode and encode:\ngot  %x\nwant %x", again, value)
		}
	})
}
