package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"strings"

	"wsticket/internal/accesslog"
)

// newLogger writes to out as the configuration says.
func newLogger(cfg LogConfig, out io.Writer) *slog.Logger {
	var level slog.Level
	// Validate has seen the level: an unknown one stays at info.
	_ = level.UnmarshalText([]byte(cfg.Level))
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

// logAccess writes one line for a request. A path is there, a query never.
func logAccess(ctx context.Context, to *slog.Logger, e accesslog.Entry) {
	attrs := make([]slog.Attr, 0, 12) // has room for all, so that it stays on the stack
	attrs = append(attrs,
		slog.String("method", e.Method), slog.String("path", e.Path), slog.Int("status", e.Status),
		slog.Duration("took", e.Took), slog.String("request_id", e.RequestID))
	if e.ClientIP.IsValid() {
		attrs = append(attrs, slog.String("client_ip", e.ClientIP.String()))
	}
	if e.Route != e.Path {
		attrs = append(attrs, slog.String("route", e.Route))
	}
	for _, pair := range [...][2]string{
		{"caller", e.Caller}, {"ticket_id", e.TicketID}, {"door", e.Door}, {"outcome", e.Outcome}, {"reason", e.Reason},
	} {
		if pair[1] != "" {
			attrs = append(attrs, slog.String(pair[0], pair[1]))
		}
	}
	to.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// serverErrors stands between net/http and the log. What net/http says of a
// broken request may hold parts of it, so only the kind of fault is kept.
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
