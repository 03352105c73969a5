//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// caseKilled loses the answer to a question for which a connection is reused:
// the ticket is spent, and the proxy cannot know. Whether it asks again or
// gives up, the client gets in, with that ticket or the next, and nobody gets
// in with what it has spent.
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

// caseSlow is a service that says nothing for longer than anybody waits. Only
// Traefik, which cannot be told how long, takes half a minute.
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

// caseUnavailable is a service that cannot ask its store.
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

// caseGone is a service that has ended.
func caseGone(t *testing.T, s *scene) string {
	a, _ := s.withTicket()
	s.service.stop(t)
	return s.wantRefused("without a service", a, s.proxy.gone).String()
}

// caseAccessLog searches for tickets when there is a line for each request.
func caseAccessLog(t *testing.T, s *scene) string {
	end, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for strings.Count(s.running.access(), "\n") < s.asked {
		select {
		case <-end:
			t.Fatalf("got %d lines, want one for each of %d requests:\n%s", strings.Count(s.running.access(), "\n"), s.asked, tail(s.running.access()))
		case <-tick.C:
		}
	}
	if n := s.ticketsIn(s.running.access()); n > 0 {
		t.Errorf("%d of %d tickets stand in the access log:\n%s", n, len(s.tokens), tail(s.running.access()))
	}
	return "none"
}

// caseErrorLog is about what a proxy says of trouble, of which there was some.
func caseErrorLog(t *testing.T, s *scene) string {
	if n := s.ticketsIn(s.running.errors()); n > 0 {
		t.Errorf("%d of %d tickets stand in the error log:\n%s", n, len(s.tokens), tail(s.running.errors()))
	}
	if n := s.ticketsIn(s.service.log.String()); n > 0 {
		t.Errorf("%d of %d tickets stand in the log of wsticket", n, len(s.tokens))
	}
	return "none"
}

// ticketsIn counts the tickets that a text tells of.
func (s *scene) ticketsIn(text string) int {
	n := 0
	for _, token := range s.tokens {
		if strings.Contains(text, token[len("wst1_"):][:20]) {
			n++
		}
	}
	return n
}
