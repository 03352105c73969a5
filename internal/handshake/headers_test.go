package handshake_test

import (
	"strings"
	"testing"

	"wsticket/internal/handshake"
)

func TestExtensionsGrammar(t *testing.T) {
	tests := []struct {
		header string
		want   bool
	}{
		{"permessage-deflate", true},
		{"permessage-deflate; client_max_window_bits", true},
		{"permessage-deflate; server_max_window_bits=10 ; client_no_context_takeover, x", true},
		{"", false},
		{"a,,b", false},
		{"a;", false},
		{"a; =1", false},
		{"a; b=", false},
		{"a b", false},
		{`a; b="c"`, false},
		{strings.Repeat("a", 5000), false},
	}
	for _, tt := range tests {
		if got := handshake.ValidExtensions([]string{tt.header}); got != tt.want {
			t.Errorf("%.40q: %v, want %v", tt.header, got, tt.want)
		}
	}
}
