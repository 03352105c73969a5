package ticket

import "encoding/hex"

// traceSize is the length of a trace ID in bytes (W3C Trace Context 3.2.2).
const traceSize = 16

// SpanRef names a span: the 16 bytes of its trace's ID, and the 8 of its own. The zero
// SpanRef names none.
type SpanRef [24]byte

// TraceID returns the ID of the trace.
func (s SpanRef) TraceID() []byte { return s[:traceSize] }

// SpanID returns the ID of the span.
func (s SpanRef) SpanID() []byte { return s[traceSize:] }

// spanOf returns the span of a request, nil unless it is recorded.
func spanOf(r RequestInfo) *SpanRef {
	if !r.Sampled {
		return nil
	}
	s := new(SpanRef)
	trace, noTrace := hex.DecodeString(r.TraceID)
	span, noSpan := hex.DecodeString(r.SpanID)
	if noTrace != nil || noSpan != nil || len(trace)+len(span) != len(s) {
		return nil
	}
	copy(s[copy(s[:], trace):], span)
	return s
}
