package gate_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// TestRequestID: that of a trusted proxy is kept if it is a word and no credential.
// That of anybody else is not, whatever it is.
func TestRequestID(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} })
	long := strings.Repeat("a", 64)
	for rule, row := range map[string]struct {
		sent []string
		kept bool
	}{
		"a word":                 {[]string{"Ab-1._z"}, true},
		"64 characters":          {[]string{long}, true},
		"65":                     {[]string{long + "a"}, false},
		"none":                   {nil, false},
		"an empty one":           {[]string{""}, false},
		"L1 a blank and a field": {[]string{"x level=error"}, false},
		"L2 a new line":          {[]string{"x\ny"}, false},
		"L3 a line separator":    {[]string{"x\u2028y"}, false},
		"quotes":                 {[]string{`x"y`}, false},
		"letters beyond ASCII":   {[]string{"é"}, false},
		"two headers":            {[]string{"a", "a"}, false},
		"a ticket":               {[]string{wellFormed}, false},
		"within":                 {[]string{"id-" + wellFormed}, false},
		"in another case":        {[]string{strings.ToUpper(wellFormed)}, false},
		"encoded":                {[]string{"%77st1_AAECAwQ"}, false},
		"a JWT":                  {[]string{"eyJhbGciOiJub25lIn0.e30."}, false},
	} {
		for peer, trusted := range map[string]bool{"192.0.2.1:1": true, "192.0.2.2:1": false, "@": false} {
			for later := range 2 {
				got, logged := observed(t, j, peer, row.sent, later == 1)
				if got != logged || len(got) < 1 {
					t.Errorf("%s, %s: answered %q and logged %q, want one ID", rule, peer, got, logged)
				}
				kept := len(row.sent) == 1 && got == row.sent[0]
				if want := row.kept && (trusted || later == 1); kept != want {
					t.Errorf("%s, %s, proved later %d: got %q, kept %t, want %t", rule, peer, later, got, kept, want)
				}
				if !kept && len(got) < 16 {
					t.Errorf("%s: got %q, want a random one", rule, got)
				}
			}
		}
	}
}

// observed sends a request through Observe, and returns the ID of its answer and of
// its event. If proved, the peer turns out to be a proxy after that.
func observed(t *testing.T, j *judge, peer string, ids []string, proved bool) (answered, logged string) {
	t.Helper()
	var events test.Events
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if r.RemoteAddr = peer; ids != nil {
		r.Header["X-Request-Id"] = ids
	}
	j.Observe(events.Record, time.Now)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if proved {
			j.TrustCaller(w, r)
		}
	})).ServeHTTP(w, r)
	return w.Header().Get("X-Request-Id"), events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest}).Request.ID
}

// TestTraceOfARequest: anybody may say which trace a request is part of, and trusted
// proxies alone whether it is recorded.
func TestTraceOfARequest(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const stranger, proxy = "192.0.2.2:1", "192.0.2.1:1"
	always, never := func() bool { return true }, func() bool { return false }
	for _, row := range []struct {
		rule, peer, sent string
		sample           func() bool
		proved           bool
		known, sampled   bool
	}{
		{"nobody records", stranger, "01", nil, false, true, true},
		{"nobody records, and nobody sends a trace", stranger, "", nil, false, false, false},
		{"a stranger wants it", stranger, "01", never, false, true, false},
		{"a stranger does not", stranger, "00", always, false, true, true},
		{"a proxy wants it", proxy, "01", never, false, true, true},
		{"a proxy does not", proxy, "00", always, false, true, false},
		{"a proxy that has not decided", proxy, "", always, false, false, true},
		{"a caller that turns out to be no stranger", stranger, "01", never, true, true, true},
	} {
		j := newJudge(t, func(o *gate.Options) {
			o.TrustedProxies, o.Sample = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, row.sample
		})
		var events test.Events
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if r.RemoteAddr = row.peer; row.sent != "" {
			r.Header.Set("Traceparent", "00-"+trace+"-"+span+"-"+row.sent)
		}
		j.Observe(events.Record, time.Now)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if row.proved {
				j.TrustCaller(w, r)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		got := events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest}).Request
		if (got.TraceID == trace) != row.known || (got.TraceID == "") != (row.sent == "" && row.sample == nil) {
			t.Errorf("%s: got the trace %q", row.rule, got.TraceID)
		}
		if got.Sampled != row.sampled || (got.SpanID == "") != (row.sample == nil) || got.SpanID == span {
			t.Errorf("%s: got %+v, want sampled %v", row.rule, got, row.sampled)
		}
	}
}
