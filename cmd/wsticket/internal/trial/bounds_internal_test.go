package trial

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/ticket"
)

// What is kept of the log has a bound, and numbers count what is not kept as well.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	var log Log
	const written = 3 * keptLines
	for n := range written {
		if _, err := fmt.Fprintf(&log, "%d %s\n", n, strings.Repeat("x", 2*maxLine)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ seen, lines int }{{0, keptLines}, {written - 2, 2}, {written, 0}, {written + 9, 0}} {
		lines, total, grown := log.since(row.seen)
		if len(lines) != row.lines || total != written {
			t.Errorf("behind %d: %d lines of %d, want %d of %d", row.seen, len(lines), total, row.lines, written)
		}
		for n, line := range lines {
			want := fmt.Sprintf("%d ", written-len(lines)+n)
			if len(line) != maxLine || !strings.HasPrefix(string(line), want) {
				t.Errorf("behind %d: line %d has %d bytes and begins with %.10q, want %d and %q", row.seen, n, len(line), line, maxLine, want)
			}
		}
		select {
		case <-grown:
			t.Errorf("behind %d: there are more lines, want none", row.seen)
		default:
		}
	}
	_, _, grown := log.since(0)
	_, _ = log.Write([]byte("more\n"))
	<-grown
}

// There is one race at a time, and a bound of the pages that read the log.
func TestTrialIsBounded(t *testing.T) {
	t.Parallel()
	trial := New(Options{Log: new(Log), Path: "/ws", Parameter: "ticket", Address: "127.0.0.1:1"})
	trial.racing.Lock()
	defer trial.racing.Unlock()
	const token = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht" // of testdata/vectors
	body := fmt.Sprintf(`{"ticket":%q,"count":1}`, token)
	if err := trial.handshakes(httptest.NewRecorder(), jsonRequest(t, body)); !errors.Is(err, gate.ErrLimited) {
		t.Errorf("a second race: %v, want %v", err, gate.ErrLimited)
	}
	for range maxStreams {
		trial.streams <- struct{}{}
	}
	if err := trial.stream(httptest.NewRecorder(), jsonRequest(t, "")); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("one page too many: %v, want %v", err, ticket.ErrUnavailable)
	}
	request, err := trial.handshakeRequest(jsonRequest(t, ""), race{Ticket: token, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := trial.race(ctx, request, 3); len(got) != 3 || got[0].Status != 0 {
		t.Errorf("without a server: %v, want three without a status", got)
	}
}

func jsonRequest(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}
