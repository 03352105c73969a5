//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// wantIdentity checks the identity headers that the application got, and that there are
// no forged ones in another spelling.
func (s *scene) wantIdentity(h http.Header, id bool) {
	s.t.Helper()
	want := map[string]string{
		"X-Auth-Request-User": "alice", "X-Auth-Request-Email": "alice@example.com",
		"X-Auth-Request-Groups": "staff,admins", "X-Auth-Request-Preferred-Username": "al",
	}
	for name, value := range want {
		if got := h[name]; len(got) != 1 || got[0] != value {
			s.t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	if got := h["X-Wsticket-Id"]; id && (len(got) != 1 || len(got[0]) != 22) {
		s.t.Errorf("X-Wsticket-Id: got %q, want the ID of a ticket", got)
	}
	if got := h["X-Wsticket-Expires"]; len(got) != 1 || got[0] == "" {
		s.t.Errorf("X-Wsticket-Expires: got %q, want a time", got)
	}
	for name, values := range h {
		plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if strings.Contains(name, "_") && (strings.HasPrefix(plain, "x-auth-request") || strings.HasPrefix(plain, "x-wsticket")) {
			s.t.Errorf("%s: got %q, want no such header", name, values)
		}
	}
	if strings.Contains(fmt.Sprint(h), "forged") {
		s.t.Errorf("got %v, want nothing that the client has forged", h)
	}
}

func caseForged(_ *testing.T, s *scene) string {
	a, token := s.withTicket()
	for _, name := range []string{
		"X-Auth-Request-User", "x-auth-request-user", "X_Auth_Request_User", "X-Auth_Request-User", "x-auth-request_user",
		"X-Auth-Request-Email", "X_AUTH_REQUEST_EMAIL", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
		"X-Auth-Request-Preferred_Username", "X-Wsticket-Id", "X_Wsticket_Id", "X-Wsticket-Expires", "X-Wsticket-Assertion",
		"X_Wsticket_Assertion", "X-Wsticket_Assertion",
	} {
		a.lines = append(a.lines, name+": forged")
	}
	// These describe the request, and must not affect the check.
	a.lines = append(a.lines, "X-Forwarded-Uri: /ws?ticket=forged", "X-Original-Uri: /ws?ticket=forged",
		"X-Forwarded-Method: POST", "X-Original-Method: POST", "X-Forwarded-Host: forged.example", "X-Forwarded-Proto: gopher",
		"X-Request-Id: forged")
	before := len(s.wire.questions())
	seen := s.wantAdmitted("with forged headers", a)
	s.wantRequestID(s.wire.questions()[before:])
	for _, name := range []string{
		"X-Forwarded-Uri", "X-Original-Uri", "X-Forwarded-Method", "X-Original-Method", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
	} {
		// Proxies may set these as they like.
		delete(seen.header, name)
	}
	s.wantIdentity(seen.header, true)
	if !s.proxy.passive {
		s.wantNoTicket(seen, token)
	}
	return "removed"
}

var requestIDLine = regexp.MustCompile(`(?i)\r\nX-Request-ID: *(.*)\r\n`)

// wantRequestID checks that a question has one request ID, which the proxy has
// chosen. Traefik generates none.
func (s *scene) wantRequestID(question string) {
	s.t.Helper()
	ids := requestIDLine.FindAllStringSubmatch(question, -1)
	if s.proxy.passive {
		if len(ids) > 0 {
			s.t.Errorf("got the request ID %q, want none, because Traefik passes on that of the client", ids)
		}
		return
	}
	if len(ids) != 1 || len(ids[0][1]) < 32 {
		s.t.Errorf("got the request IDs %q, want one of the proxy's", ids)
	}
}

// caseConnection names the identity headers in Connection, so that the proxy may remove
// them (RFC 9110 7.6.1). The application may get no identity, but not a false one.
func caseConnection(t *testing.T, s *scene) string {
	a, _ := s.withTicket()
	a.lines = []string{"X-Auth-Request-User: forged", "Connection: X-Auth-Request-User, X-Wsticket-Id"}
	got := s.shake(a)
	seen := s.app.handshakes(a.name)
	switch {
	case got.status != http.StatusSwitchingProtocols && len(seen) == 0:
		return got.String()
	case got.status != http.StatusSwitchingProtocols || len(seen) != 1:
		t.Fatalf("got %v and %d handshakes", got, len(seen))
	case len(seen[0].header["X-Auth-Request-User"]) == 0:
		return "admitted without"
	}
	s.wantIdentity(seen[0].header, true)
	return "kept"
}

// caseUpgrade also asks for h2c. If the application agreed, the client could send
// requests with forged identity headers that no proxy reads.
func caseUpgrade(t *testing.T, s *scene) string {
	for _, upgrade := range [][]string{{"h2c, websocket"}, {"websocket, h2c"}, {"h2c", "websocket"}, {"websocket", "h2c"}} {
		a, _ := s.withTicket()
		a.upgrade = upgrade
		s.shake(a)
		for _, seen := range s.app.handshakes(a.name) {
			if got := seen.header["Upgrade"]; len(got) != 1 || got[0] != "websocket" {
				t.Errorf("%q: the application got Upgrade %q, want websocket alone", upgrade, got)
			}
		}
	}
	return "not passed on"
}
