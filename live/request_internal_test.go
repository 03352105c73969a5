package live

import (
	"net/netip"
	"testing"
	"unsafe"

	"wsticket/ticket"
)

// TestRequestKeepsWhatEventsSay, and nothing that is of no use after the handshake.
func TestRequestKeepsWhatEventsSay(t *testing.T) {
	want := ticket.RequestInfo{
		ID: "r", Caller: "key:chat", ClientIP: netip.MustParseAddr("192.0.2.1"), Route: "/ws", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
	}
	for _, given := range []ticket.RequestInfo{{}, {ID: "r"}, want} {
		if got := RequestOf(ticket.WithRequest(t.Context(), given)).info(); got != given {
			t.Errorf("%+v, want %+v", got, given)
		}
	}
	more := want
	more.UserAgent, more.SpanID, more.Sampled = "ACME/1.0", "00f067aa0ba902b7", true
	if got := RequestOf(ticket.WithRequest(t.Context(), more)).info(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Request{}).info(); got != (ticket.RequestInfo{}) {
		t.Errorf("none: %+v", got)
	}
}

// TestConnectionIsSmall: there are a million of them. The next size that Go allocates is
// 704 bytes.
func TestConnectionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Connection{}); size > 640 {
		t.Errorf("%d bytes", size)
	}
}
