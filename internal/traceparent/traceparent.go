// Package traceparent reads and writes the headers of W3C Trace Context
// (https://www.w3.org/TR/trace-context/): traceparent, by its version 00, and
// tracestate, which is only passed on.
package traceparent

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
)

// The headers. There is one traceparent, and any number of lines of a tracestate.
const (
	Header      = "Traceparent"
	StateHeader = "Tracestate"
)

// The flags that are passed on: the others have no meaning yet, and must be 0.
const (
	flagSampled = 0x01
	flagRandom  = 0x02 // Level 2: the trace ID is random
)

// Where the fields of a traceparent begin and end:
// 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.
const (
	traceAt, traceEnd = 3, 35
	spanAt, spanEnd   = 36, 52
	flagsAt, length   = 53, 55
)

// Parent is the span of a caller.
type Parent struct {
	// TraceID and SpanID are 32 and 16 lower-case hex digits, and not all 0.
	TraceID, SpanID string
	flags           byte
}

// Sampled reports whether the caller may have recorded its span.
func (p Parent) Sampled() bool { return p.flags&flagSampled != 0 }

// Parse reads a traceparent, and reports whether it is one. Of a version after 00,
// which may be longer, it reads what version 00 has.
func Parse(text string) (Parent, bool) {
	if len(text) < length || !isHex(text[:2]) || text[:2] == "ff" || len(text) > length && (text[:2] == "00" || text[length] != '-') {
		return Parent{}, false
	}
	trace, span, flags := text[traceAt:traceEnd], text[spanAt:spanEnd], text[flagsAt:length]
	switch {
	case text[traceAt-1] != '-', text[spanAt-1] != '-', text[flagsAt-1] != '-':
		return Parent{}, false
	case !isHex(trace), !isHex(span), !isHex(flags), isZero(trace), isZero(span):
		return Parent{}, false
	}
	return Parent{trace, span, nibble(flags[1]) & (flagSampled | flagRandom)}, true
}

// isHex reports whether a text is lower-case hex digits. It is asked of every request.
func isHex(text string) bool {
	for _, c := range []byte(text) {
		if c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}

func isZero(text string) bool { return strings.Trim(text, "0") == "" }

// nibble is the value of a hex digit.
func nibble(digit byte) byte {
	if digit >= 'a' {
		return digit - 'a' + 10
	}
	return digit - '0'
}

// parentOf returns the parent in a header. Two of them are none.
func parentOf(h http.Header) (Parent, bool) {
	lines := h[Header]
	if len(lines) != 1 {
		return Parent{}, false
	}
	return Parse(lines[0])
}

// Span is where a request is in a trace. The zero Span is in none.
type Span struct {
	// TraceID is 32 hex digits, empty if the request is in no trace.
	TraceID string
	// ID is that of the request itself, 16 hex digits. It is empty where nobody
	// records spans.
	ID string
	// Parent is the caller's span, empty if there is none.
	Parent string

	flags, theirs byte
}

// Pass returns the span of a request where nobody records spans: what the caller has
// sent is passed on unchanged, or nothing.
func Pass(h http.Header) Span {
	p, _ := parentOf(h)
	return Span{TraceID: p.TraceID, Parent: p.SpanID, flags: p.flags, theirs: p.flags}
}

// Begin returns a new span of a request: in the trace of its caller, or in a new one.
// sample decides whether it is recorded, whatever the caller says; see [Span.Trusting].
func Begin(h http.Header, sample func() bool) Span {
	p, known := parentOf(h)
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	text := hex.EncodeToString(random[:])
	s := Span{TraceID: p.TraceID, ID: text[:16], Parent: p.SpanID, flags: p.flags &^ flagSampled, theirs: p.flags}
	if !known {
		s.TraceID, s.flags = text[16:], flagRandom
	}
	if sample() {
		s.flags |= flagSampled
	}
	return s
}

// Trusting returns the span as its caller wants it: recorded if the caller's is, where
// there is a caller's.
func (s Span) Trusting() Span {
	if s.Parent != "" {
		s.flags = s.theirs
	}
	return s
}

// Sampled reports whether the trace is recorded: by this process if the span has an
// ID, and otherwise by its caller.
func (s Span) Sampled() bool { return s.flags&flagSampled != 0 }

// Set writes the span into the header of a request that is part of it, or of one that
// is passed on, and removes what it has otherwise.
func (s Span) Set(h http.Header) {
	parent := s.ID
	if parent == "" {
		parent = s.Parent
	}
	if s.TraceID == "" {
		h.Del(Header)
	} else {
		h[Header] = []string{"00-" + s.TraceID + "-" + parent + "-0" + string("0123456789abcdef"[s.flags])}
	}
	if s.Parent == "" || !isState(h[StateHeader]) {
		h.Del(StateHeader) // it belongs to a traceparent, which there was not
	}
}

// The bounds of a tracestate. The recommendation wants at least that many characters
// passed on, and no more members.
const (
	maxState   = 512
	maxMembers = 32
)

// isState reports whether the lines are a tracestate that is passed on: members as
// key=value of printable ASCII. Their keys are not compared.
func isState(lines []string) bool {
	text := strings.Join(lines, ",")
	members := 0
	for member := range strings.SplitSeq(text, ",") {
		member = strings.Trim(member, " \t")
		key, value, ok := strings.Cut(member, "=")
		switch {
		case member == "": // allowed
			continue
		case !ok || key == "" || strings.Trim(key, keyChars) != "" || value == "" || strings.ContainsFunc(value, isOutsideValue):
			return false
		}
		members++
	}
	return len(text) <= maxState && members > 0 && members <= maxMembers
}

const keyChars = "0123456789abcdefghijklmnopqrstuvwxyz_-*/@"

func isOutsideValue(c rune) bool { return c < ' ' || c > '~' || c == '=' }
