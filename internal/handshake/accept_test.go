package handshake_test

import (
	"testing"

	"wsticket/internal/handshake"
)

// The example of RFC 6455 1.3.
func TestAcceptKey(t *testing.T) {
	const want = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	if got := handshake.AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
