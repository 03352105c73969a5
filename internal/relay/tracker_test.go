package relay_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"wsticket/internal/relay"
	"wsticket/internal/wsframe"
)

// seen is what a tracker knows about a stream.
type seen struct {
	passes   int // bytes that may be forwarded
	messages uint64
	closing  bool
	code     uint16
	between  bool
	err      error
}

// track feeds a stream to a tracker in chunks of these sizes, the last size
// repeatedly, like a pump.
func track(t *testing.T, stream []byte, limit int64, sizes []byte) seen {
	t.Helper()
	var got seen
	var held []byte
	tracker := relay.NewTracker(limit)
	for i, rest := 0, stream; len(rest) > 0; i++ {
		size := len(rest)
		if len(sizes) > 0 {
			size = min(size, 1+int(sizes[min(i, len(sizes)-1)]))
		}
		chunk := append(held, rest[:size]...)
		rest = rest[size:]
		n, err := tracker.Feed(chunk)
		got.passes += n
		_, got.closing, _ = tracker.Seen()
		if err != nil {
			got.err = err
			break
		}
		if got.closing && tracker.Between() {
			break
		}
		if held = bytes.Clone(chunk[n:]); len(held) > relay.MaxPartial {
			t.Fatalf("%d bytes are left over, want at most %d", len(held), relay.MaxPartial)
		}
	}
	got.messages, got.closing, got.code = tracker.Seen()
	got.between = tracker.Between()
	return got
}

// oracle determines the same with gobwas/ws.
func oracle(stream []byte, limit int64) seen {
	var want seen
	var size int64
	for {
		want.between = true
		in := bytes.NewReader(stream[want.passes:])
		h, err := ws.ReadHeader(in)
		headerSize := int(in.Size()) - in.Len()
		switch {
		case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
			want.err = wsframe.ErrMalformed
			return want
		case err != nil:
			return want // it is incomplete
		case headerSize != ws.HeaderSize(h): // a longer encoding than necessary
			want.err = wsframe.ErrMalformed
			return want
		}
		rest := stream[want.passes+headerSize:]
		if h.OpCode == ws.OpClose {
			code := min(h.Length, 2)
			if code == 2 && len(rest) < 2 {
				return want
			}
			want.closing, want.code = true, wsframe.NoStatus
			if code == 2 {
				start := bytes.Clone(rest[:2])
				if h.Masked {
					ws.Cipher(start, h.Mask, 0)
				}
				code, _ := ws.ParseCloseFrameData(start)
				want.code = uint16(code)
			}
		} else if !h.OpCode.IsControl() && h.OpCode&0x8 == 0 {
			if h.OpCode != ws.OpContinuation {
				size = 0
			}
			if limit > 0 && (h.Length > limit || size > limit-h.Length) {
				want.err = relay.ErrTooBig
				return want
			}
			if size += h.Length; h.Fin {
				want.messages++
				size = 0
			}
		}
		payload := min(h.Length, int64(len(rest)))
		want.passes += headerSize + int(payload)
		want.between = payload == h.Length
		if want.closing || !want.between {
			return want
		}
	}
}

// FuzzTracker compares the tracker with another parser of frames, for a stream in
// any chunks.
func FuzzTracker(f *testing.F) {
	long := strings.Repeat("x", 300)
	for _, stream := range []string{
		"", "\x81", masked(wsframe.Text, "hello") + masked(wsframe.Binary, long),
		fragment(plain(wsframe.Text, long)) + plain(wsframe.Ping, "") + fragment(plain(wsframe.Continuation, "")) + plain(wsframe.Continuation, long),
		masked(wsframe.Close, closing(4001, "reason")) + "rubbish", plain(wsframe.Close, ""), plain(wsframe.Close, "x"),
		plain(wsframe.Close, closing(1000, ""))[:3], header(wsframe.Binary, 1<<30) + "x", header(wsframe.Close, 1<<30) + "xx",
		header(wsframe.Binary, 1<<63), "\x82\x7e\x00\x01", plain(wsframe.Binary, strings.Repeat("x", 70_000)),
		fragment(masked(wsframe.Text, long)) + fragment(masked(wsframe.Text, long)) + masked(wsframe.Continuation, long),
	} {
		f.Add([]byte(stream), int64(0), []byte{})
		f.Add([]byte(stream), int64(500), []byte{0})
		f.Add([]byte(stream), int64(300), []byte{5, 0, 255})
	}
	f.Fuzz(func(t *testing.T, stream []byte, limit int64, sizes []byte) {
		limit = max(limit, 0)
		want := oracle(stream, limit)
		if got := track(t, stream, limit, sizes); got != want {
			t.Errorf("in chunks of %v: got %+v, want %+v", sizes, got, want)
		}
		if got := track(t, stream, limit, nil); got != want {
			t.Errorf("in one piece: got %+v, want %+v", got, want)
		}
	})
}
