package wsframe_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/wsframe"
)

// However the stream is cut, the texts that are wanted are taken, and all else passes
// unchanged.
func TestFilter(t *testing.T) {
	t.Parallel()
	mask := [4]byte{1, 2, 3, 4}
	whole := func(op wsframe.Opcode, payload string) string {
		return string(wsframe.Append(nil, op, []byte(payload), &mask))
	}
	fragment := func(op wsframe.Opcode, payload string) string {
		frame := []byte(whole(op, payload))
		frame[0] &^= 0x80
		return string(frame)
	}
	compressed := []byte(whole(wsframe.Text, "take me"))
	compressed[0] |= 0x40
	long := "take" + strings.Repeat("x", wsframe.MaxTaken-4)
	parts := []struct {
		frame string
		taken string
	}{
		{whole(wsframe.Text, "hello"), ""},
		{whole(wsframe.Text, "take 1"), "take 1"},
		{whole(wsframe.Binary, "take no binary"), ""},
		{fragment(wsframe.Text, "take "), ""},
		{whole(wsframe.Ping, "take"), ""},
		{whole(wsframe.Continuation, "no fragments"), ""},
		{string(compressed), ""},
		{whole(wsframe.Text, long), long},
		{whole(wsframe.Text, long+"y"), ""},
		{whole(wsframe.Text, ""), ""},
		{whole(wsframe.Text, "take 2"), "take 2"},
		{whole(wsframe.Close, ""), ""},
		{whole(wsframe.Text, "take nothing behind a Close frame"), ""},
	}
	var stream, want string
	var wantTaken []string
	for _, part := range parts {
		stream += part.frame
		if part.taken != "" {
			wantTaken = append(wantTaken, part.taken)
		} else {
			want += part.frame
		}
	}
	for _, size := range []int{1, 2, 3, 7, 100, 4096, len(stream)} {
		var taken []string
		f := wsframe.Filter{Take: func(text []byte) bool {
			ok := bytes.HasPrefix(text, []byte("take"))
			if ok {
				taken = append(taken, string(text))
			}
			return ok
		}}
		var got []byte
		for chunk := range slices.Chunk([]byte(stream), size) {
			got = append(got, f.Pass(bytes.Clone(chunk))...)
		}
		if string(got) != want || !slices.Equal(taken, wantTaken) {
			t.Errorf("in pieces of %d: passed %d bytes, want %d; took %.40q", size, len(got), len(want), taken)
		}
	}
}

// Behind a frame that breaks a rule everything passes: others refuse it.
func TestFilterPassesFaults(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\x81\x00", "\x83\x80\x00\x00\x00\x00", "\x81\xfe\x00\x01\x00\x00\x00\x00x"} {
		stream := bad + string(wsframe.Append(nil, wsframe.Text, []byte("take"), &[4]byte{}))
		f := wsframe.Filter{Take: func([]byte) bool { return true }}
		if got := string(f.Pass([]byte(stream))); got != stream {
			t.Errorf("%q: passed %q, want all", bad, got)
		}
	}
}
