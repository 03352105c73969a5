package service

import (
	"io"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/ticket"
)

// newLogger writes to out as the configuration says.
func newLogger(cfg config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	// An unknown level is reported as a fault of the settings. Until then it is
	// info.
	_ = level.UnmarshalText([]byte(cfg.Level))
	// Not everything in a line is ours, and not every viewer is careful.
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return ticket.EscapeAttr(a) }}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

// faultInterval is how often a fault of one kind is a line in the log of a server.
// Strangers can cause as many as they like, and probes of balancers that only
// connect cause one each.
const faultInterval = time.Minute

// serverErrors takes what net/http logs about broken requests. It may contain
// parts of a request, so only the kind of the fault is logged.
type serverErrors struct {
	to *slog.Logger

	mu    sync.Mutex
	kinds map[string]*faultCount
}

// faultCount is about the faults of one kind.
type faultCount struct {
	logged  time.Time // when the last line was
	skipped int       // how many have had no line since
}

// Write takes a line of net/http.
func (s *serverErrors) Write(line []byte) (int, error) {
	kind := faultKind(string(line))
	if skipped, ok := s.count(kind, time.Now()); ok {
		s.to.Warn("http server", "fault", kind, "skipped", skipped)
	}
	return len(line), nil
}

// count counts a fault. If it is to be logged, it returns how many there were
// since the last one that was.
func (s *serverErrors) count(kind string, now time.Time) (skipped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.kinds[kind]
	switch {
	case c == nil:
		s.kinds[kind] = &faultCount{logged: now}
		return 0, true
	case now.Sub(c.logged) < faultInterval:
		c.skipped++
		return 0, false
	default:
		skipped = c.skipped
		*c = faultCount{logged: now}
		return skipped, true
	}
}

// faultKind returns the kind of fault that a line of net/http is about.
func faultKind(line string) string {
	for prefix, kind := range map[string]string{
		"http: TLS handshake error": "tls_handshake",
		"http: Accept error":        "accept",
		"http: panic serving":       "panic",
	} {
		if strings.HasPrefix(line, prefix) {
			return kind
		}
	}
	return "server"
}

func errorLog(to *slog.Logger) *log.Logger {
	return log.New(&serverErrors{to: to, kinds: make(map[string]*faultCount)}, "", 0)
}
