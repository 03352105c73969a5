package traceparent_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/traceparent"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	good    = "00-" + traceID + "-" + spanID + "-01"
)

func always() bool { return true }
func never() bool  { return false }

func headers(lines ...string) http.Header { return http.Header{traceparent.Header: lines} }

// The rules of W3C Trace Context 3.2 and 4.3.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, sampled := range map[string]bool{
		good: true, good[:53] + "00": false, good[:53] + "03": true, good[:53] + "ff": true, good[:53] + "fa": false,
		"01" + good[2:]: true, "cc" + good[2:] + "-what-comes-later": true, "01" + good[2:] + "-": true,
	} {
		got, ok := traceparent.Parse(text)
		if !ok || got.TraceID != traceID || got.SpanID != spanID || got.Sampled() != sampled {
			t.Errorf("%s: got %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "00", good[:54], good + "-x", good + "-", good + " ", " " + good[:54], "ff" + good[2:], "0g" + good[2:],
		"01" + good[2:] + "x", strings.ToUpper(good), "00-" + strings.ToUpper(traceID) + "-" + spanID + "-01",
		"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01",
		"00_" + good[3:], good[:35] + "_" + good[36:], good[:52] + "_" + good[53:], good[:53] + "0x", good[:53] + "0A",
		good[:10] + "\n" + good[11:], good[:10] + "é" + good[12:], good[:40] + "g" + good[41:],
	} {
		if got, ok := traceparent.Parse(text); ok {
			t.Errorf("%q: got %+v, want no traceparent", text, got)
		}
	}
}

// Where nobody records, a caller's trace is passed on as it came, and a new one is
// not begun: it would tell an application not to record.
func TestPass(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{good: good, good[:53] + "00": good[:53] + "00", "cc" + good[2:] + "-x": good, "00-bad": "", "": ""} {
		s := traceparent.Pass(headers(line))
		h := headers("something else")
		if s.Set(h); h.Get(traceparent.Header) != want || s.ID != "" {
			t.Errorf("%q: got %v, want %q", line, h, want)
		}
	}
	for _, h := range []http.Header{headers(good, good), {}} {
		if s := traceparent.Pass(h); s != (traceparent.Span{}) || s.Sampled() {
			t.Errorf("%v: got %+v, want none", h, s)
		}
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule          string
		line          string
		sample        func() bool
		want, trusted bool // sampled
		known         bool
	}{
		{"a stranger cannot make us record", good, never, false, true, true},
		{"nor prevent it", good[:53] + "00", always, true, false, true},
		{"a new trace", "", always, true, true, false},
		{"a new trace that is not recorded", "", never, false, false, false},
		{"a malformed one is replaced", "00-bad", always, true, true, false},
	} {
		s := traceparent.Begin(headers(row.line), row.sample)
		if s.Sampled() != row.want || s.Trusting().Sampled() != row.trusted || (s.TraceID == traceID) != row.known || (s.Parent == spanID) != row.known {
			t.Errorf("%s: got %+v", row.rule, s)
		}
		h := headers("something else")
		s.Set(h)
		sent, ok := traceparent.Parse(h.Get(traceparent.Header))
		if !ok || sent.TraceID != s.TraceID || sent.SpanID != s.ID || sent.SpanID == spanID || sent.Sampled() != row.want {
			t.Errorf("%s: sends %v for %+v", row.rule, h, s)
		}
	}
	a, b := traceparent.Begin(nil, always), traceparent.Begin(nil, always)
	if a.TraceID == b.TraceID || a.ID == b.ID || a.TraceID[:16] == a.ID {
		t.Errorf("got the same IDs: %+v, %+v", a, b)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	many := make([]string, 33)
	for n := range many {
		many[n] = fmt.Sprintf("k%d=v", n)
	}
	span := traceparent.Pass(headers(good))
	for _, row := range []struct {
		lines []string
		kept  bool
	}{
		{[]string{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}, true},
		{[]string{"a=1", "b@c=2 3, "}, true},
		{[]string{strings.Join(many[:32], ",")}, true},
		{[]string{strings.Join(many, ",")}, false},
		{[]string{"a=" + strings.Repeat("x", 510)}, true},
		{[]string{"a=" + strings.Repeat("x", 511)}, false},
		{[]string{""}, false},
		{[]string{"a"}, false},
		{[]string{"=1"}, false},
		{[]string{"a="}, false},
		{[]string{"A=1"}, false},
		{[]string{"a=1=2"}, false},
		{[]string{"a=é"}, false},
		{[]string{"a=\x00"}, false},
	} {
		h := http.Header{traceparent.StateHeader: row.lines}
		if span.Set(h); (len(h[traceparent.StateHeader]) > 0) != row.kept {
			t.Errorf("%q: got %v, want kept %v", row.lines, h, row.kept)
		}
		h = http.Header{traceparent.StateHeader: row.lines}
		if traceparent.Begin(nil, always).Set(h); len(h[traceparent.StateHeader]) > 0 {
			t.Errorf("%q: is kept without its trace", row.lines)
		}
	}
}

// FuzzParse: what is sent for anything that was read is a traceparent of version 00 in
// the same trace.
func FuzzParse(f *testing.F) {
	f.Add(good, "a=b")
	f.Add("cc"+good[2:]+"-later", "")
	f.Add("", strings.Repeat("a=b,", 200))
	f.Fuzz(func(t *testing.T, line, state string) {
		p, ok := traceparent.Parse(line)
		h := http.Header{traceparent.Header: {line}, traceparent.StateHeader: {state}}
		s := traceparent.Pass(h)
		s.Set(h)
		sent := h.Get(traceparent.Header)
		got, again := traceparent.Parse(sent)
		if ok != again || got != p || ok && (len(sent) != len(good) || sent[:2] != "00") || !ok && sent != "" {
			t.Errorf("%q: sends %q", line, sent)
		}
		if len(h.Get(traceparent.StateHeader)) > 512 || !ok && h.Get(traceparent.StateHeader) != "" {
			t.Errorf("%q: passes on the state %q", line, h.Get(traceparent.StateHeader))
		}
	})
}
