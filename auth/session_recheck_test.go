package auth_test

import (
	"testing"

	"wsticket/auth"
	"wsticket/ticket"
)

// TestRecheck: the application is asked each time, and 403 and 404 end a session, too.
func TestRecheck(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.KeepCookies = true })
	who := check(t, s, "signed in", cookie, "ok")
	if got := who.Cookies.Reveal(); got != "sid="+cookie {
		t.Fatalf("got cookies %q, want those of the session", got)
	}
	for _, row := range []struct {
		rule   string
		status int
		reason string
	}{
		{"signed in", 200, "ok"},
		{"signed out", 401, "session_refused"},
		{"not let in", 403, "session_refused"},
		{"unknown", 404, "session_refused"},
		{"broken", 500, "session_status"},
		{"a login page", 302, "session_status"},
		{"too many", 429, "session_status"},
	} {
		a.answer.Store(says(row.status, `{"sub":"u-1"}`))
		before := a.asked.Load()
		got, err := s.Recheck(t.Context(), who.Cookies)
		if ticket.Reason(err) != row.reason || (err == nil) != (got.Subject == "u-1") {
			t.Errorf("%s: got %q, %v, want %s", row.rule, got.Subject, err, row.reason)
		}
		if a.asked.Load() != before+1 {
			t.Errorf("%s: asked %d times, want once", row.rule, a.asked.Load()-before)
		}
	}
	a.answer.Store(says(200, `{"sub":"u-1"}`))
	if got := check(t, a.sessions(t, nil), "where they are not kept", cookie, "ok"); !got.Cookies.IsZero() {
		t.Error("got cookies, want none")
	}
}
