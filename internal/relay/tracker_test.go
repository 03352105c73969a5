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

// direction is whose frames are tracked, and what was agreed on.
type direction struct {
	client     bool
	extensions string
	limit      int64
}

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
func track(t testing.TB, stream []byte, d direction, sizes []byte) seen {
	t.Helper()
	var got seen
	var held []byte
	tracker := relay.NewTracker(d.client, d.limit, d.extensions)
	for i, rest := 0, stream; len(rest) > 0; i++ {
		size := len(rest)
		if len(sizes) > 0 {
			size = min(size, 1+int(sizes[min(i, len(sizes)-1)]))
		}
		chunk := append(held, rest[:size]...)
		rest = rest[size:]
		n, err := tracker.Feed(chunk)
		got.passes += n
		if _, got.closing, _ = tracker.Seen(); got.closing || err != nil {
			got.err = err
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
func oracle(stream []byte, d direction) seen {
	var want seen
	var size int64
	state := ws.StateClientSide
	if d.client {
		state = ws.StateServerSide
	}
	for {
		want.between = true
		h, headerSize, fault := readHeader(stream[want.passes:])
		if headerSize > 0 && fault == nil {
			fault = judge(h, state, d.extensions)
		}
		if headerSize == 0 || fault != nil {
			want.err = fault
			return want
		}
		rest := stream[want.passes+headerSize:]
		switch {
		case h.OpCode == ws.OpClose:
			if int64(len(rest)) < h.Length {
				return want
			}
			if want.code, want.err = judgeClose(h, rest[:h.Length]); want.err == nil {
				want.closing = true
				want.passes += headerSize + int(h.Length)
			}
			return want
		case h.OpCode.IsControl():
		case d.limit > 0 && h.Length > d.limit-size:
			want.err = relay.ErrTooBig
			return want
		default:
			state, size = state.Set(ws.StateFragmented), size+h.Length
			if h.Fin {
				state, size = state.Clear(ws.StateFragmented), 0
				want.messages++
			}
		}
		payload := min(h.Length, int64(len(rest)))
		want.passes += headerSize + int(payload)
		if want.between = payload == h.Length; !want.between {
			return want
		}
	}
}

// readHeader returns the header at the start of b, whose size is 0 if it is
// incomplete.
func readHeader(b []byte) (h ws.Header, size int, fault error) {
	in := bytes.NewReader(b)
	h, err := ws.ReadHeader(in)
	size = len(b) - in.Len()
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return h, size, wsframe.FaultLength
	case err != nil:
		return h, 0, nil
	case size != ws.HeaderSize(h): // a longer encoding than necessary
		return h, size, wsframe.FaultLength
	default:
		return h, size, nil
	}
}

// judge checks a header. The library allows all reserved bits or none, so those
// of compression are checked here.
func judge(h ws.Header, state ws.State, extensions string) error {
	deflate := extensions == "permessage-deflate"
	if extensions != "" {
		state = state.Set(ws.StateExtended)
	}
	err := ws.CheckHeader(h, state)
	switch {
	case errors.Is(err, ws.ErrProtocolOpCodeReserved):
		return wsframe.FaultOpcode
	case errors.Is(err, ws.ErrProtocolControlPayloadOverflow):
		return wsframe.FaultControlLength
	case errors.Is(err, ws.ErrProtocolControlNotFinal):
		return wsframe.FaultControlFragment
	case errors.Is(err, ws.ErrProtocolNonZeroRsv),
		deflate && h.Rsv != 0 && (!h.Rsv1() || h.Rsv2() || h.Rsv3() || h.OpCode != ws.OpText && h.OpCode != ws.OpBinary):
		return wsframe.FaultReservedBit
	case errors.Is(err, ws.ErrProtocolMaskRequired), errors.Is(err, ws.ErrProtocolMaskUnexpected):
		return wsframe.FaultMask
	case errors.Is(err, ws.ErrProtocolContinuationExpected):
		return wsframe.FaultInterleaved
	case errors.Is(err, ws.ErrProtocolContinuationUnexpected):
		return wsframe.FaultContinuation
	default:
		return err
	}
}

// judgeClose checks the payload of a Close frame. The library does not know the
// codes 1012 to 1014, which were registered later, and allows 5000 and more.
func judgeClose(h ws.Header, payload []byte) (uint16, error) {
	if len(payload) == 0 {
		return wsframe.NoStatus, nil
	}
	payload = bytes.Clone(payload)
	if h.Masked {
		ws.Cipher(payload, h.Mask, 0)
	}
	code, reason := ws.ParseCloseFrameData(payload)
	checked := code
	if code >= 1012 && code <= 1014 {
		checked = ws.StatusGoingAway
	}
	if len(payload) < 2 || code >= 5000 || ws.CheckCloseFrameData(checked, reason) != nil {
		return 0, wsframe.FaultClose
	}
	return uint16(code), nil
}

// FuzzTracker compares the tracker with another parser of frames, for a stream in
// any chunks.
func FuzzTracker(f *testing.F) {
	long := strings.Repeat("x", 300)
	for i, stream := range []string{
		"", "\x81", masked(wsframe.Text, "hello") + masked(wsframe.Binary, long),
		fragment(plain(wsframe.Text, long)) + plain(wsframe.Ping, "") + fragment(plain(wsframe.Continuation, "")) + plain(wsframe.Continuation, long),
		masked(wsframe.Close, closing(4001, "reason")) + "rubbish", plain(wsframe.Close, ""), plain(wsframe.Close, closing(1013, "")),
		masked(wsframe.Close, closing(1000, strings.Repeat("r", 123))),
		plain(wsframe.Close, closing(1000, ""))[:3], header(wsframe.Binary, 1<<30) + "x", plain(wsframe.Binary, strings.Repeat("x", 70_000)),
		rsv(4, fragment(masked(wsframe.Text, long))) + masked(wsframe.Continuation, long), rsv(2, plain(wsframe.Continuation, "")),
		fragment(masked(wsframe.Text, long)) + fragment(masked(wsframe.Continuation, long)) + masked(wsframe.Continuation, long),
	} {
		client := i%2 == 0 || strings.Contains(stream, "\x01\x02\x03\x04")
		f.Add([]byte(stream), client, byte(0), int64(0), []byte{})
		f.Add([]byte(stream), client, byte(1), int64(500), []byte{0})
		f.Add([]byte(stream), client, byte(2), int64(300), []byte{5, 0, 255})
	}
	for _, tt := range faults() {
		f.Add([]byte(tt.before+tt.bad+"rubbish"), tt.client, byte(0), int64(0), []byte{0})
	}
	f.Fuzz(func(t *testing.T, stream []byte, client bool, extension byte, limit int64, sizes []byte) {
		d := direction{client, [...]string{"", "permessage-deflate", "x-other"}[extension%3], max(limit, 0)}
		want := oracle(stream, d)
		for _, sizes := range [][]byte{sizes, nil, {0}} {
			if got := track(t, stream, d, sizes); got != want {
				t.Errorf("%+v in chunks of %v: got %+v, want %+v", d, sizes, got, want)
			}
		}
	})
}

// Each fault is found wherever the stream is cut, and nothing of its frame passes.
func TestFaultsInAnyPieces(t *testing.T) {
	t.Parallel()
	for _, tt := range faults() {
		d := direction{tt.client, tt.extensions, 0}
		stream := []byte(tt.before + tt.bad)
		want := seen{passes: len(tt.before), messages: tt.messages, between: true, err: tt.fault}
		if got := oracle(stream, d); got != want {
			t.Errorf("%s: the oracle says %+v, want %+v", tt.rule, got, want)
		}
		for cut := range min(len(stream), 256) {
			if got := track(t, stream, d, []byte{byte(cut)}); got != want {
				t.Errorf("%s, in pieces of %d: got %+v, want %+v", tt.rule, cut+1, got, want)
			}
			if got := track(t, stream, d, []byte{byte(cut), 255}); got != want {
				t.Errorf("%s, cut after %d: got %+v, want %+v", tt.rule, cut+1, got, want)
			}
		}
	}
}
