// Package test has what the tests of several packages share: waiting, the
// people who appear in them, and fakes of the interfaces that packages take.
//
// It is for tests alone. As these, it may import package ticket.
package test

import (
	"testing"
	"time"

	"wsticket/ticket"
)

// Patience is how long [Wait] waits. It only decides how long a test that fails
// takes: far longer than a busy machine needs.
const Patience = 30 * time.Second

// Wait returns when ok reports true, which it asks again and again, and fails
// the test where that does not happen within [Patience].
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
			tb.Fatalf("waited %s in vain: %s", Patience, what)
		}
	}
}

// Issuer is who vouches for [Alice] and [Bob].
const Issuer = "https://id.example.com"

// Alice is a user whose bearer is good for an hour from now.
func Alice() ticket.Identity { return user("alice") }

// Bob is another user of the same issuer.
func Bob() ticket.Identity { return user("bob") }

func user(subject string) ticket.Identity {
	return ticket.Identity{
		Issuer: Issuer, Subject: subject, SessionID: "s-" + subject, TokenID: "j-" + subject,
		Audience: []string{"ws"}, Scope: "chat.read chat.write",
		Claims: map[string]any{"email": subject + "@example.com"},
		// Times in a store are exact to the millisecond.
		ExpiresAt: time.Now().Add(time.Hour).Truncate(time.Millisecond),
	}
}
