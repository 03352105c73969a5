package service

import (
	"io"
	"log"
	"log/slog"
	"strings"

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

// serverErrors takes what net/http logs about broken requests. It may contain
// parts of a request, so only the kind of the fault is logged.
type serverErrors struct{ to *slog.Logger }

func (s serverErrors) Write(line []byte) (int, error) {
	kind := "server"
	for prefix, name := range map[string]string{
		"http: TLS handshake error": "tls_handshake",
		"http: Accept error":        "accept",
		"http: panic serving":       "panic",
	} {
		if strings.HasPrefix(string(line), prefix) {
			kind = name
		}
	}
	s.to.Warn("http server", "fault", kind)
	return len(line), nil
}

func errorLog(to *slog.Logger) *log.Logger { return log.New(serverErrors{to}, "", 0) }
