package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"wsticket/internal/accesslog"
	"wsticket/internal/stack"
)

// headers sets the headers of every answer (ASVS 3.4.1 to 3.4.6, 14.3.2). No
// answer is a page, and none may be stored, framed or sniffed.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.secure(r.TLS) {
			// A year, without includeSubDomains: other hosts are not ours.
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// host refuses requests with another Host. A page sends those whose own name was
// pointed to this server (DNS rebinding). X-Forwarded-Host is not read, because
// everybody can set it.
func (s *Server) host(allowed func(*http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !allowed(r) {
				s.refuse(w, r, s.o.Gate.WrongHost(r.Host))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// publicHost reports whether the host of r is a configured name.
func (s *Server) publicHost(r *http.Request) bool { return s.o.Gate.AllowsHost(r.Host) }

// internalHost reports whether the host of r is a configured name, an address, or
// a name without a dot, such as localhost or that of a container. Backends and
// scrapers use the latter two, and no foreign name server can answer for them.
// The host of a probe does not matter.
func (s *Server) internalHost(r *http.Request) bool {
	if isProbe(r) || s.o.Gate.AllowsHost(r.Host) {
		return true
	}
	host := r.Host
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	return name != "" && !strings.Contains(name, ".")
}

// recovery answers 500 to a panic and logs where it was (ASVS 16.5.4): the type
// of its value, and the functions and lines of the stack. It logs neither the
// value nor the request, because both may hold a credential.
func (s *Server) recovery(next http.Handler) http.Handler {
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
				"type", fmt.Sprintf("%T", value), "stack", stack.Frames())
			if accesslog.Answered(r.Context()) {
				// It is too late to answer 500. The end of the connection tells
				// the peer that the answer is incomplete.
				panic(http.ErrAbortHandler)
			}
			s.refuse(w, r, errPanic)
		}()
		next.ServeHTTP(w, r)
	})
}
