package wsframe_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"

	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

// direction is whose frames are tracked, and what was agreed on.
type direction struct {
	client bool
	bits   wsframe.ReservedBits
	limit  int64
}

// The bits of compression, and of an extension that nobody knows.
var (
	deflate = wsframe.ReservedBits{First: 4}
	unknown = wsframe.ReservedBits{First: 7, Other: 7}
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
func track(t testing.TB, stream []byte, d direction, sizes []byte) seen {
	t.Helper()
	var got seen
	var held []byte
	tracker := wsframe.Tracker{Limit: d.limit, Rules: wsframe.Rules{Masked: d.client, Bits: d.bits}}
	for i, rest := 0, stream; len(rest) > 0; i++ {
		size := len(rest)
		if len(sizes) > 0 {
			size = min(size, 1+int(sizes[min(i, len(sizes)-1)]))
		}
		chunk := append(held, rest[:size]...)
		rest = rest[size:]
		n, err := tracker.Feed(chunk)
		got.passes += n
		if got.err = err; err != nil || tracker.Closing {
			break
		}
		if held = bytes.Clone(chunk[n:]); len(held) > wsframe.MaxPartial {
			t.Fatalf("%d bytes are left over, want at most %d", len(held), wsframe.MaxPartial)
		}
	}
	got.messages, got.closing, got.code, got.between = tracker.Messages, tracker.Closing, tracker.Code, tracker.Left == 0
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
			fault = judge(h, state, d.bits)
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
			want.err = wsframe.ErrTooBig
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
func judge(h ws.Header, state ws.State, bits wsframe.ReservedBits) error {
	if bits != (wsframe.ReservedBits{}) {
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
		bits == deflate && h.Rsv != 0 && (!h.Rsv1() || h.Rsv2() || h.Rsv3() || h.OpCode != ws.OpText && h.OpCode != ws.OpBinary):
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
		"", "\x81", test.Masked(wsframe.Text, "hello") + test.Masked(wsframe.Binary, long),
		test.Fragment(test.Plain(wsframe.Text, long)) + test.Plain(wsframe.Ping, "") + test.Fragment(test.Plain(wsframe.Continuation, "")) + test.Plain(wsframe.Continuation, long),
		test.Masked(wsframe.Close, closePayload(4001, "reason")) + "rubbish", test.Plain(wsframe.Close, ""), test.Plain(wsframe.Close, closePayload(1013, "")),
		test.Masked(wsframe.Close, closePayload(1000, strings.Repeat("r", 123))),
		test.Plain(wsframe.Close, closePayload(1000, ""))[:3], "\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00\x01\x02\x03\x04x", test.Plain(wsframe.Binary, strings.Repeat("x", 70_000)),
		test.Reserved(4, test.Fragment(test.Masked(wsframe.Text, long))) + test.Masked(wsframe.Continuation, long), test.Reserved(2, test.Plain(wsframe.Continuation, "")),
		test.Fragment(test.Masked(wsframe.Text, long)) + test.Fragment(test.Masked(wsframe.Continuation, long)) + test.Masked(wsframe.Continuation, long),
	} {
		client := i%2 == 0 || strings.Contains(stream, "\x01\x02\x03\x04")
		f.Add([]byte(stream), client, byte(0), int64(0), []byte{})
		f.Add([]byte(stream), client, byte(1), int64(500), []byte{0})
		f.Add([]byte(stream), client, byte(2), int64(300), []byte{5, 0, 255})
	}
	for _, tt := range test.FrameFaults() {
		extension := byte(0)
		if tt.Deflate {
			extension = 1
		}
		f.Add([]byte(tt.Before+tt.Bad+"rubbish"), tt.Client, extension, int64(0), []byte{0})
	}
	f.Fuzz(func(t *testing.T, stream []byte, client bool, extension byte, limit int64, sizes []byte) {
		d := direction{client, [...]wsframe.ReservedBits{{}, deflate, unknown}[extension%3], max(limit, 0)}
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
	for _, tt := range test.FrameFaults() {
		d := direction{client: tt.Client}
		if tt.Deflate {
			d.bits = deflate
		}
		stream := []byte(tt.Before + tt.Bad)
		want := seen{passes: len(tt.Before), messages: 1, between: true, err: tt.Fault}
		if got := oracle(stream, d); got != want {
			t.Errorf("%s: the oracle says %+v, want %+v", tt.Rule, got, want)
		}
		for cut := range min(len(stream), 256) {
			if got := track(t, stream, d, []byte{byte(cut)}); got != want {
				t.Errorf("%s, in pieces of %d: got %+v, want %+v", tt.Rule, cut+1, got, want)
			}
			if got := track(t, stream, d, []byte{byte(cut), 255}); got != want {
				t.Errorf("%s, cut after %d: got %+v, want %+v", tt.Rule, cut+1, got, want)
			}
		}
	}
}

func closePayload(code uint16, reason string) string {
	return string(wsframe.ClosePayload(code, reason))
}

// genFrame draws a frame that is mostly valid.
func genFrame(client bool) *rapid.Generator[string] {
	seldom := func(t *rapid.T, what string) bool { return rapid.IntRange(0, 15).Draw(t, what) == 0 }
	return rapid.Custom(func(t *rapid.T) string {
		op := rapid.SampledFrom([]wsframe.Opcode{
			wsframe.Text, wsframe.Binary, wsframe.Continuation, wsframe.Continuation, wsframe.Ping, wsframe.Pong, wsframe.Close,
		}).Draw(t, "opcode")
		if seldom(t, "any opcode") {
			op = wsframe.Opcode(rapid.IntRange(0, 15).Draw(t, "which"))
		}
		payload := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 2, 20, 124, 125, 126, 300, 65_535, 65_536}).Draw(t, "size"))
		if op == wsframe.Close {
			payload = closePayload(uint16(rapid.IntRange(990, 5010).Draw(t, "code")), "bye")
		}
		frame := test.Plain(op, payload)
		if client != seldom(t, "wrong mask") {
			frame = test.Masked(op, payload)
		}
		if rapid.Bool().Draw(t, "fragment") && (!op.IsControl() || seldom(t, "control frame")) {
			frame = test.Fragment(frame)
		}
		if seldom(t, "reserved bits") {
			frame = test.Reserved(byte(rapid.IntRange(1, 7).Draw(t, "bits")), frame)
		}
		return frame
	})
}

// Streams of many frames, most of them valid, are judged like by another parser,
// in whatever pieces they come.
func TestTrackerAgainstOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := direction{
			client: rapid.Bool().Draw(rt, "client"),
			bits:   rapid.SampledFrom([]wsframe.ReservedBits{{}, deflate, unknown}).Draw(rt, "bits"),
			limit:  rapid.SampledFrom([]int64{0, 125, 400, 70_000}).Draw(rt, "limit"),
		}
		stream := []byte(strings.Join(rapid.SliceOfN(genFrame(d.client), 1, 8).Draw(rt, "frames"), ""))
		want := oracle(stream, d)
		for _, sizes := range [][]byte{nil, {0}, rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "sizes")} {
			if got := track(t, stream, d, sizes); got != want {
				rt.Errorf("%+v in chunks of %v: got %+v, want %+v", d, sizes, got, want)
			}
		}
	})
}
