package trial

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"wsticket/ticket"
)

const (
	// keptLines and maxLine bound what is kept of the log: lines, and bytes of each.
	keptLines = 512
	maxLine   = 4 << 10
	// maxStreams is how many pages can read the log at once.
	maxStreams = 32
	// beat is how often a stream without lines writes something, and writeTimeout how
	// long a page may take to read it.
	beat         = 15 * time.Second
	writeTimeout = 30 * time.Second
)

// Log keeps the latest lines of a log. It is safe for concurrent use, and its zero
// value is ready to use.
type Log struct {
	mu    sync.Mutex
	lines [][]byte
	total int           // of all lines, with those that are no longer kept
	grown chan struct{} // closed at the next line; nil: nobody waits
}

// Write takes a line, with its line feed.
func (l *Log) Write(line []byte) (int, error) {
	text := bytes.TrimRight(line, "\n")
	kept := bytes.Clone(text[:min(len(text), maxLine)])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, kept)
	if len(l.lines) > keptLines {
		l.lines = l.lines[1:]
	}
	l.total++
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return len(line), nil
}

// since returns the kept lines behind the first n of all, the number of all, and what
// is closed when there are more.
func (l *Log) since(n int) (lines [][]byte, total int, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	missing := min(l.total-min(n, l.total), len(l.lines))
	return slices.Clone(l.lines[len(l.lines)-missing:]), l.total, l.grown
}

// stream serves GET /demo/log: the lines from now on, or behind a number that the page
// has got with a line, as server-sent events.
func (t *Trial) stream(w http.ResponseWriter, r *http.Request) error {
	_, total, _ := t.o.Log.since(0)
	seen := total
	// A browser that connects again adds the first to the address that it has.
	if after := cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")); after != "" {
		var err error
		if seen, err = strconv.Atoi(after); err != nil || seen < 0 {
			return invalid("after: must be the number of a line")
		}
	}
	if seen > total {
		seen = 0 // it was the number of a process before this one
	}
	select {
	case t.streams <- struct{}{}:
		defer func() { <-t.streams }()
	default:
		return fmt.Errorf("trial: %d pages read the log: %w", maxStreams, ticket.ErrUnavailable)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	t.follow(w, r, seen)
	return nil
}

// follow writes the lines behind a number until the page leaves or the process stops.
func (t *Trial) follow(w http.ResponseWriter, r *http.Request, seen int) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // of the next request, which does not come
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		lines, total, grown := t.o.Log.since(seen)
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // the server's is for the whole answer
		if writeLines(w, lines, total) != nil || control.Flush() != nil {
			return // the page has left
		}
		seen = total
		select {
		case <-grown:
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-t.o.Stopping:
			return
		}
	}
}

// writeLines writes the lines that end with number total as events, or something that
// keeps the connection alive.
func writeLines(w http.ResponseWriter, lines [][]byte, total int) error {
	text := []byte(": \n\n")
	for n, line := range lines {
		text = fmt.Appendf(text, "id: %d\ndata: %s\n\n", total-(len(lines)-1-n), line)
	}
	_, err := w.Write(text)
	return err
}
