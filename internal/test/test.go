// Package test holds what the tests of several packages share: waiting, the
// users who appear in tests, and fakes of the interfaces that packages take.
//
// Only tests import it. Like them, it may import package ticket.
package test

import (
	"testing"
	"time"

	"wsticket/ticket"
)

// Patience is how long [Wait] waits. It only decides how long a failing test
// takes, so it is much longer than a busy machine needs.
const Patience = 60 * time.Second

// Wait polls ok until it reports true. It fails the test if that does not
// happen within [Patience]; what names the condition in that message. Call it
// from the goroutine that runs the test.
func Wait(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatalf("not within %s: %s", Patience, what)
		}
	}
}

// Issuer is the issuer of [Alice] and [Bob].
const Issuer = "https://id.example.com"

// Alice returns the identity of a user whose bearer expires in an hour.
func Alice() ticket.Identity { return user("alice") }

// Bob returns the identity of another user of the same issuer.
func Bob() ticket.Identity { return user("bob") }

func user(subject string) ticket.Identity {
	return ticket.Identity{
		Issuer: Issuer, Subject: subject, SessionID: "s-" + subject, TokenID: "j-" + subject,
		Audience: []string{"ws"}, Scope: "chat.read chat.write",
		Claims: map[string]any{"email": subject + "@example.com"},
		// Stores keep times with a precision of a millisecond.
		ExpiresAt: time.Now().Add(time.Hour).Truncate(time.Millisecond),
	}
}
