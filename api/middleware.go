package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"runtime"
	"strings"

	"wsticket/internal/accesslog"
)

// headers sets what every answer carries, whoever writes it (ASVS 3.4.1 to
// 3.4.6, 14.3.2): nothing here is a page, may be stored, framed or sniffed.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.secure(r.TLS) {
			// A year. Other hosts under this name are not ours to decide on.
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// host refuses requests for other names, which is what a page gets to send
// whose name was pointed to this server (DNS rebinding). It goes by Host
// alone; X-Forwarded-Host is anybody's to set.
func (s *Server) host(allowed func(string) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !allowed(r.Host) {
				s.refuse(w, r, errHost)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (s *Server) publicHost(host string) bool { return s.o.Hosts.Allows(host) }

// internalHost allows, beside the configured names, what probes and scrapers
// use and no foreign name server can answer for: addresses and names without
// a dot, such as localhost or a container's.
func (s *Server) internalHost(host string) bool {
	if s.o.Hosts.Allows(host) {
		return true
	}
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	return name != "" && !strings.Contains(name, ".")
}

// maxFrames bounds the stack that is logged.
const maxFrames = 32

// lastResort answers 500 to a panic and logs where it was (ASVS 16.5.4): the
// type of its value and the stack's functions and lines. Neither the value
// nor the request is logged, for either may hold a credential.
func (s *Server) lastResort(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler { //nolint:errorlint // A panic value; net/http compares it so, too.
				panic(value)
			}
			s.o.Logger.ErrorContext(r.Context(), "panic",
				"request_id", accesslog.RequestID(r.Context()),
				"type", fmt.Sprintf("%T", value), "stack", stack())
			if accesslog.Answered(r.Context()) {
				// Too late to answer. Ending the connection tells the peer
				// that what it has is not the whole.
				panic(http.ErrAbortHandler)
			}
			s.refuse(w, r, errPanic)
		}()
		next.ServeHTTP(w, r)
	})
}

// stack lists the callers of the function that panicked, innermost first. It
// is to be called by the deferred function.
func stack() []string {
	var counters [maxFrames]uintptr
	// Skipped: runtime.Callers, this function, and the deferred one.
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	var lines []string
	for {
		frame, more := frames.Next()
		lines = append(lines, fmt.Sprintf("%s %s:%d", frame.Function, path.Base(frame.File), frame.Line))
		if !more {
			return lines
		}
	}
}
