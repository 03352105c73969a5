//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// caseKilled drops the answer to a request on a reused connection: the ticket is
// spent, and the proxy cannot know. Whether the proxy asks again or gives up, the
// client gets in, with that ticket or with the next one, and nobody else gets in
// with a spent ticket.
func caseKilled(t *testing.T, s *scene) string {
	warm, _ := s.withTicket()
	s.wantAdmitted("on a new connection", warm)
	a, _ := s.withTicket()
	kills := s.wire.kills()
	s.wire.killNextAnswer()
	got := s.shake(a)
	if s.wire.kills() == kills {
		t.Fatal("no answer was lost: the test proves nothing")
	}
	thief := newAttempt()
	thief.query = a.query
	s.wantRefused("the same ticket by somebody else", thief, http.StatusUnauthorized)
	admissions := len(s.app.handshakes(a.name))
	if repeated := got.status == http.StatusSwitchingProtocols; repeated != s.proxy.repeats || repeated != (admissions == 1) || admissions > 1 {
		t.Errorf("got %v and %d handshakes at the application; asks again: %v", got, admissions, s.proxy.repeats)
	}
	if s.proxy.repeats {
		return "admitted once"
	}
	next, _ := s.withTicket()
	s.wantAdmitted("with another ticket", next)
	return got.String() + ", next ticket 101"
}

// caseSlow is a service that does not answer before the proxy's timeout. That of
// Traefik is half a minute and cannot be configured.
func caseSlow(t *testing.T, s *scene) string {
	a, _ := s.withTicket()
	s.wire.stall()
	began := time.Now()
	got := s.wantRefused("no answer", a, s.proxy.slow)
	t.Logf("refused after %s", time.Since(began).Round(time.Second))
	s.wire.heal()
	thief := newAttempt()
	thief.query = a.query
	s.wantRefused("the same ticket by somebody else", thief, http.StatusUnauthorized)
	return got.String()
}

// caseUnavailable is a service whose store is gone.
func caseUnavailable(t *testing.T, s *scene) string {
	a, _ := s.withTicket()
	s.redis.Kill()
	got := s.wantRefused("without a store", a, http.StatusServiceUnavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("got no Retry-After, want one")
	}
	s.redis.Restart()
	again, _ := s.withTicket()
	s.wantAdmitted("with the store back", again)
	return got.String() + ", Retry-After"
}

// caseGone is a service that has been stopped.
func caseGone(t *testing.T, s *scene) string {
	a, _ := s.withTicket()
	s.service.stop(t)
	return s.wantRefused("without a service", a, s.proxy.gone).String()
}

// caseAccessLog waits for a line for each request and searches for tickets.
func caseAccessLog(t *testing.T, s *scene) string {
	test.Wait(t, fmt.Sprintf("a line in the access log for each of %d requests", s.asked), func() bool {
		return strings.Count(s.running.access(), "\n") >= s.asked
	})
	if n := s.ticketsIn(s.running.access()); n > 0 {
		t.Errorf("%d of %d tickets are in the access log:\n%s", n, len(s.tokens), tail(s.running.access()))
	}
	return "none"
}

// caseErrorLog searches for tickets in what the proxy and the service have logged
// about all these faults.
func caseErrorLog(t *testing.T, s *scene) string {
	if n := s.ticketsIn(s.running.errors()); n > 0 {
		t.Errorf("%d of %d tickets are in the error log:\n%s", n, len(s.tokens), tail(s.running.errors()))
	}
	if n := s.ticketsIn(s.service.log.String()); n > 0 {
		t.Errorf("%d of %d tickets are in the log of wsticket", n, len(s.tokens))
	}
	return "none"
}

// ticketsIn counts the tickets in a text.
func (s *scene) ticketsIn(text string) int {
	n := 0
	for _, token := range s.tokens {
		if strings.Contains(text, token[len("wst1_"):][:20]) {
			n++
		}
	}
	return n
}
