package auth_test

import (
	"crypto"
	"errors"
	"slices"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

const (
	caep         = "https://schemas.openid.net/secevent/caep/event-type/"
	revokedEvent = caep + "session-revoked"
	verification = "https://schemas.openid.net/secevent/ssf/event-type/verification"
)

// goodEvent are the claims of an event about a user.
func goodEvent() object {
	return object{
		"iss": issuerName, "aud": "receiver", "iat": now.Add(-time.Second).Unix(), "jti": "e-1",
		"sub_id": issSub("u-1"), "events": object{revokedEvent: object{}},
	}
}

func issSub(sub any) object { return object{"format": "iss_sub", "iss": issuerName, "sub": sub} }

func complexOf(members object) object { return members.with("format", "complex") }

func opaque(id any) object { return object{"format": "opaque", "id": id} }

func eventVerifier(t *testing.T, opaqueSession bool) *auth.Verifier {
	t.Helper()
	return newVerifier(t, auth.IssuerOptions{
		Keys:   []crypto.PublicKey{edKey().Public()},
		Events: auth.EventOptions{Audience: []string{"receiver", "second"}, OpaqueSession: opaqueSession},
	})
}

func eventToken(t *testing.T, claims object, headers ...any) string {
	t.Helper()
	return sign(t, edKey(), claims, append([]any{"typ", "secevent+jwt"}, headers...)...)
}

// checkEvent verifies a token, and compares the reason with want.
func checkEvent(t *testing.T, v *auth.Verifier, rule, text, want string) ticket.SecurityEvent {
	t.Helper()
	got, err := v.SecurityEvent(t.Context(), text)
	if reason := ticket.Reason(err); reason != want {
		t.Errorf("%s: got %s, want %s", rule, reason, want)
	}
	if err == nil {
		return got
	}
	if !errors.Is(err, ticket.ErrInvalidBearer) || !slices.Contains(auth.Reasons(), ticket.Reason(err)) {
		t.Errorf("%s: got %v, want a refusal that is listed", rule, err)
	}
	if got != (ticket.SecurityEvent{}) {
		t.Errorf("%s: got %+v, want nothing", rule, got)
	}
	holdsNothingOf(t, rule, err, text)
	return got
}

// Each fault by itself.
func TestSecurityEventFaults(t *testing.T) {
	t.Parallel()
	v := eventVerifier(t, false)
	good := goodEvent()
	for _, row := range []struct{ rule, text, want string }{
		{"a good one", eventToken(t, good), "ok"},
		{"no JWT", "event", "bearer_malformed"},
		{"another issuer", eventToken(t, good.with("iss", "https://evil.example")), "bearer_issuer"},
		{"no issuer", eventToken(t, good.with("iss", nil)), "bearer_issuer"},
		{"a foreign key", sign(t, edOther(), good, "typ", "secevent+jwt"), "bearer_signature"},
		{"another algorithm", sign(t, rsaKey(), good, "typ", "secevent+jwt"), "bearer_algorithm"},
		{"an access token's type", sign(t, edKey(), good), "bearer_type"},
		{"the type JWT", eventToken(t, good, "typ", "JWT"), "bearer_type"},
		{"no type", eventToken(t, good, "typ", nil), "bearer_type"},
		{"a logout token's type", eventToken(t, good, "typ", "logout+jwt"), "bearer_type"},
		{"the long type", eventToken(t, good, "typ", "application/secevent+jwt"), "ok"},
		{"a critical header", eventToken(t, good, "crit", []string{"x"}, "x", 1), "bearer_header"},
		{"no audience", eventToken(t, good.with("aud", nil)), "bearer_audience"},
		{"another receiver", eventToken(t, good.with("aud", "other")), "bearer_audience"},
		{"the audience of access tokens", eventToken(t, good.with("aud", audience)), "bearer_audience"},
		{"an audience of numbers", eventToken(t, good.with("aud", []any{"receiver", 1})), "bearer_claims"},
		{"a list with a receiver", eventToken(t, good.with("aud", []string{"other", "second"})), "ok"},
		{"no iat", eventToken(t, good.with("iat", nil)), "bearer_claims"},
		{"an iat in the future", eventToken(t, good.with("iat", now.Add(6*time.Second).Unix())), "bearer_not_yet_valid"},
		{"an iat within the leeway", eventToken(t, good.with("iat", now.Add(5*time.Second).Unix())), "ok"},
		{"an iat too long ago", eventToken(t, good.with("iat", now.Add(-auth.SecurityEventWindow).Unix())), "bearer_expired"},
		{"an iat at the end of the window", eventToken(t, good.with("iat", now.Add(time.Second-auth.SecurityEventWindow).Unix())), "ok"},
		{"no jti", eventToken(t, good.with("jti", nil)), "bearer_claims"},
		{"a number as jti", eventToken(t, good.with("jti", 7)), "bearer_claims"},
		{"an exp", eventToken(t, good.with("exp", now.Add(time.Minute).Unix())), "bearer_type"},
		{"a sub", eventToken(t, good.with("sub", "u-1")), "bearer_type"},
		{"a claim in another spelling", eventToken(t, good.with("sub_id", nil, "Sub_ID", issSub("u-2"))), "bearer_claims"},
		{"no events", eventToken(t, good.with("events", nil)), "bearer_type"},
		{"an empty list of events", eventToken(t, good.with("events", object{})), "bearer_type"},
		{"two events", eventToken(t, good.with("events", object{revokedEvent: object{}, caep + "credential-change": object{}})), "bearer_type"},
		{"events in a list", eventToken(t, good.with("events", []string{revokedEvent})), "bearer_type"},
		{"an event that is no object", eventToken(t, good.with("events", object{revokedEvent: true})), "bearer_type"},
		{"a logout", eventToken(t, goodLogout().with("aud", "receiver", "exp", nil)), "bearer_type"}, // its sub
		{"a text as event_timestamp", eventToken(t, good.with("events", object{revokedEvent: object{"event_timestamp": "1"}})), "bearer_claims"},
		{"an event_timestamp in milliseconds", eventToken(t, good.with("events", object{revokedEvent: object{"event_timestamp": now.UnixMilli()}})), "bearer_claims"},
	} {
		checkEvent(t, v, row.rule, row.text, row.want)
	}
	off := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public()}})
	checkEvent(t, off, "an issuer without events", eventToken(t, good), "bearer_audience")
	check(t, v, "an event as a bearer", eventToken(t, good.with("aud", audience)), "bearer_type")
}

// Whom an event is about. What is absent from a complex subject is a wildcard.
func TestSecurityEventSubjects(t *testing.T) {
	t.Parallel()
	users, sessions := eventVerifier(t, false), eventVerifier(t, true)
	user, session := ticket.Selector{Issuer: issuerName, Subject: "u-1"}, ticket.Selector{Issuer: issuerName, SessionID: "s-1"}
	for _, row := range []struct {
		rule          string
		subject       any
		plain, opaque ticket.Selector // empty: refused
	}{
		{"a user", issSub("u-1"), user, user},
		{"a complex user", complexOf(object{"user": issSub("u-1")}), user, user},
		{"a user of a tenant", complexOf(object{"user": issSub("u-1"), "tenant": opaque("t-1")}), user, user},
		{"a session of a user", complexOf(object{"user": issSub("u-1"), "session": opaque("s-1")}), user, session},
		{"a session", complexOf(object{"session": opaque("s-1")}), ticket.Selector{}, session},
		{"a tenant", complexOf(object{"tenant": opaque("t-1")}), ticket.Selector{}, ticket.Selector{}},
		{"a device", complexOf(object{"device": opaque("d-1")}), ticket.Selector{}, ticket.Selector{}},
		{"an empty complex subject", complexOf(object{}), ticket.Selector{}, ticket.Selector{}},
		{"no format", object{"user": issSub("u-1")}, ticket.Selector{}, ticket.Selector{}},
		{"an email", object{"format": "email", "email": "u@example.com"}, ticket.Selector{}, ticket.Selector{}},
		{"an opaque subject", opaque("u-1"), ticket.Selector{}, ticket.Selector{}},
		{"a user by email", complexOf(object{"user": object{"format": "email", "email": "u@example.com"}}), ticket.Selector{}, ticket.Selector{}},
		{"a user that is no object", complexOf(object{"user": "u-1"}), ticket.Selector{}, ticket.Selector{}},
		{"a user of another issuer", issSub("u-1").with("iss", "https://evil.example"), ticket.Selector{}, ticket.Selector{}},
		{"a user of no issuer", issSub("u-1").with("iss", nil), ticket.Selector{}, ticket.Selector{}},
		{"a complex user of another issuer", complexOf(object{"user": issSub("u-1").with("iss", "https://evil.example"), "session": opaque("s-1")}), ticket.Selector{}, ticket.Selector{}},
		{"no sub", issSub(nil), ticket.Selector{}, ticket.Selector{}},
		{"an empty sub", issSub(""), ticket.Selector{}, ticket.Selector{}},
		{"a number as sub", issSub(7), ticket.Selector{}, ticket.Selector{}},
		{"a session without an id", complexOf(object{"session": object{"format": "opaque"}}), ticket.Selector{}, ticket.Selector{}},
		{"a session by another format", complexOf(object{"session": issSub("s-1")}), ticket.Selector{}, ticket.Selector{}},
		{"a text", "u-1", ticket.Selector{}, ticket.Selector{}},
	} {
		for v, want := range map[*auth.Verifier]ticket.Selector{users: row.plain, sessions: row.opaque} {
			reason := "ok"
			if want == (ticket.Selector{}) {
				reason = "bearer_subject"
			}
			if got := checkEvent(t, v, row.rule, eventToken(t, goodEvent().with("sub_id", row.subject)), reason); got.Who != want {
				t.Errorf("%s: got %+v, want %+v", row.rule, got.Who, want)
			}
		}
	}
	inside := func(subject any) object { return object{revokedEvent: object{"subject": subject}} }
	for rule, row := range map[string]struct {
		claims object
		want   string
	}{
		"the old form":                  {goodEvent().with("sub_id", nil, "events", inside(issSub("u-1"))), "ok"},
		"the old form without a format": {goodEvent().with("sub_id", nil, "events", inside(object{"user": issSub("u-1")})), "ok"},
		"both":                          {goodEvent().with("events", inside(issSub("u-1"))), "bearer_subject"},
		"neither":                       {goodEvent().with("sub_id", nil), "bearer_subject"},
	} {
		if got := checkEvent(t, users, rule, eventToken(t, row.claims), row.want); row.want == "ok" && got.Who != user {
			t.Errorf("%s: got %+v, want the user", rule, got.Who)
		}
	}
}

// What each event does, and what time it is of.
func TestSecurityEventKinds(t *testing.T) {
	t.Parallel()
	v := eventVerifier(t, false)
	iat := now.Add(-time.Second)
	earlier := now.Add(-time.Minute)
	for _, row := range []struct {
		rule, kind string
		event      object
		action     ticket.RevocationAction
		before     time.Time
	}{
		{"session-revoked", revokedEvent, object{}, ticket.RevokeEnd, iat},
		{"credential-change", caep + "credential-change", object{"change_type": "revoke"}, ticket.RevokeRecheck, iat},
		{"token-claims-change", caep + "token-claims-change", object{"claims": object{"role": "ro"}}, ticket.RevokeRecheck, iat},
		{"with a time", revokedEvent, object{"event_timestamp": earlier.Unix()}, ticket.RevokeEnd, earlier},
		{"with a time in the future", revokedEvent, object{"event_timestamp": now.Add(time.Hour).Unix()}, ticket.RevokeEnd, iat},
		{"verification", verification, object{"state": "x"}, "", iat},
		{"another event", caep + "device-compliance-change", object{}, "", iat},
	} {
		got := checkEvent(t, v, row.rule, eventToken(t, goodEvent().with("events", object{row.kind: row.event})), "ok")
		if got.Issuer != issuerName || got.Type != row.kind || got.Action != row.action || got.TokenID != "e-1" ||
			got.Before.Unix() != row.before.Unix() || got.UsableUntil.Unix() != iat.Add(auth.SecurityEventWindow).Unix() ||
			(got.Who == ticket.Selector{}) != (row.action == "") {
			t.Errorf("%s: got %+v, want %s before %s", row.rule, got, row.action, row.before)
		}
	}
	// They need no subject that is known here.
	for _, kind := range []string{verification, caep + "device-compliance-change"} {
		checkEvent(t, v, kind, eventToken(t, goodEvent().with("sub_id", opaque("stream"), "events", object{kind: object{}})), "ok")
	}
}
