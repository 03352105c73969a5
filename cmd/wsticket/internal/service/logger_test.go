package service

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestServerFaults: what strangers do is a line a minute and kind, without a part of
// what they have sent.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		server := errorLog(slog.New(slog.NewJSONHandler(&text, nil)))
		for range 1000 {
			server.Print("http: TLS handshake error from 192.0.2.1:4711: EOF")
		}
		server.Print("http: panic serving 192.0.2.1:4711: secret")
		<-time.After(faultInterval)
		server.Print("http: TLS handshake error from 192.0.2.1:4711: EOF")
		type entry struct {
			Fault   string
			Skipped int
		}
		var got []entry
		for line := range strings.Lines(text.String()) {
			var e entry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		want := []entry{{"tls_handshake", 0}, {"panic", 0}, {"tls_handshake", 999}}
		if !slices.Equal(got, want) || strings.Contains(text.String(), "secret") {
			t.Errorf("got %v, want %v:\n%s", got, want, &text)
		}
	})
}
