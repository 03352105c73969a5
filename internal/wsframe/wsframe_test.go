package wsframe_test

import (
	"bytes"
	"strings"
	"testing"

	"wsticket/internal/wsframe"
)

func TestAppendThenParse(t *testing.T) {
	mask := [4]byte{1, 2, 3, 4}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		for _, m := range []*[4]byte{nil, &mask} {
			payload := bytes.Repeat([]byte("abc"), n)[:n]
			frame := wsframe.Append([]byte("before"), wsframe.Binary, payload, m)[len("before"):]
			for short := range min(len(frame), wsframe.MaxHeader) {
				if _, size, fault := wsframe.ParseHeader(frame[:short]); fault != "" || size > short {
					t.Fatalf("%d bytes of a header: size %d, fault %q", short, size, fault)
				}
			}
			h, size, fault := wsframe.ParseHeader(frame)
			want := wsframe.Header{Fin: true, Opcode: wsframe.Binary, Masked: m != nil, Length: int64(n)}
			if m != nil {
				want.Mask = mask
			}
			if fault != "" || h != want || size+n != len(frame) {
				t.Fatalf("payload of %d: got %+v, size %d, fault %q, want %+v", n, h, size, fault, want)
			}
			got := bytes.Clone(frame[size:])
			if m != nil {
				wsframe.Unmask(got, h.Mask)
			}
			if !bytes.Equal(got, payload) {
				t.Errorf("payload of %d does not come back", n)
			}
		}
	}
}

func TestMalformedHeaders(t *testing.T) {
	for rule, header := range map[string][]byte{
		"W9 the highest bit of the length":        {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1},
		"a length of 16 bits that fits into 7":    {0x82, 126, 0, 125},
		"a length of 64 bits that fits into 16":   {0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255},
		"the same, masked and with its mask here": {0x82, 0x80 | 126, 0, 1, 9, 9, 9, 9},
	} {
		if h, size, fault := wsframe.ParseHeader(header); fault != wsframe.FaultLength || size != 0 {
			t.Errorf("%s: got %+v, %d, fault %q, want %q", rule, h, size, fault, wsframe.FaultLength)
		}
	}
}

func TestClose(t *testing.T) {
	for _, tt := range []struct {
		rule    string
		payload []byte
		code    uint16
		reason  string
		ok      bool
	}{
		{"none", nil, wsframe.NoStatus, "", true},
		{"code alone", wsframe.ClosePayload(1000, ""), 1000, "", true},
		{"code and reason", wsframe.ClosePayload(4001, "Authentication failed"), 4001, "Authentication failed", true},
		{"a reason too long is cut between characters", wsframe.ClosePayload(1001, strings.Repeat("ä", 70)), 1001, strings.Repeat("ä", 61), true},
		{"one byte", []byte{3}, 0, "", false},
		{"1005", []byte{0x03, 0xED}, 1005, "", false},
		{"1006", []byte{0x03, 0xEE}, 1006, "", false},
		{"1015", []byte{0x03, 0xF7}, 1015, "", false},
		{"999", []byte{0x03, 0xE7}, 999, "", false},
		{"5000", []byte{0x13, 0x88}, 5000, "", false},
		{"a reason that is not UTF-8", []byte{0x03, 0xE8, 0xFF}, 0, "", false},
	} {
		code, reason, ok := wsframe.ParseClose(tt.payload)
		if code != tt.code || reason != tt.reason || ok != tt.ok {
			t.Errorf("%s: got %d, %q, %t, want %d, %q, %t", tt.rule, code, reason, ok, tt.code, tt.reason, tt.ok)
		}
	}
}
