package auth_test

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// goodLogout are the claims of the example in OpenID Connect Back-Channel Logout 1.0,
// 2.4, for a client of these tests.
func goodLogout() object {
	return object{
		"iss": issuerName, "sub": "u-1", "aud": "web-client", "iat": now.Add(-time.Second).Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"jti": "bWJq", "sid": "s-1", "events": object{logoutEvent: object{}},
	}
}

func logoutIssuer(o auth.LogoutOptions) auth.IssuerOptions {
	return auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public()}, Logout: o}
}

func logoutVerifier(t *testing.T, o auth.LogoutOptions) *auth.Verifier {
	t.Helper()
	o.ClientIDs = []string{"web-client", "app-client"}
	return newVerifier(t, logoutIssuer(o))
}

func logoutToken(t *testing.T, claims object, headers ...any) string {
	t.Helper()
	return sign(t, edKey(), claims, append([]any{"typ", "logout+jwt"}, headers...)...)
}

// checkLogout verifies a token, and compares the reason with want.
func checkLogout(t *testing.T, v *auth.Verifier, rule, text, want string) ticket.Logout {
	t.Helper()
	got, err := v.Logout(t.Context(), text)
	if reason := ticket.Reason(err); reason != want {
		t.Errorf("%s: got %s, want %s", rule, reason, want)
	}
	if err == nil {
		return got
	}
	if got != (ticket.Logout{}) || !errors.Is(err, ticket.ErrInvalidBearer) || !slices.Contains(auth.Reasons(), ticket.Reason(err)) {
		t.Errorf("%s: got %+v, %v, want nothing but a refusal that is listed", rule, got, err)
	}
	holdsNothingOf(t, rule, err, text)
	return got
}

// Each fault of OpenID Connect Back-Channel Logout 1.0, 2.6, by itself.
func TestLogoutFaults(t *testing.T) {
	t.Parallel()
	v := logoutVerifier(t, auth.LogoutOptions{})
	good := goodLogout()
	for _, row := range []struct {
		rule, text, want string
	}{
		{"the example", logoutToken(t, good), "ok"},
		{"no JWT", "logout", "bearer_malformed"},
		{"another issuer", logoutToken(t, good.with("iss", "https://evil.example")), "bearer_issuer"},
		{"no issuer", logoutToken(t, good.with("iss", nil)), "bearer_issuer"},
		{"the issuer with a slash", logoutToken(t, good.with("iss", issuerName+"/")), "bearer_issuer"},
		{"a foreign key", sign(t, edOther(), good, "typ", "logout+jwt"), "bearer_signature"},
		{"another algorithm", sign(t, rsaKey(), good, "typ", "logout+jwt"), "bearer_algorithm"},
		{"no algorithm", b64([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + b64([]byte(toJSON(t, good))) + ".", "bearer_malformed"},
		{"an access token's type", sign(t, edKey(), good), "bearer_type"},
		{"the type JWT", logoutToken(t, good, "typ", "JWT"), "bearer_type"},
		{"no type", logoutToken(t, good, "typ", nil), "bearer_type"},
		{"a security event's type", logoutToken(t, good, "typ", "secevent+jwt"), "bearer_type"},
		{"the long type", logoutToken(t, good, "typ", "application/logout+jwt"), "ok"},
		{"a critical header", logoutToken(t, good, "crit", []string{"x"}, "x", 1), "bearer_header"},
		{"no audience", logoutToken(t, good.with("aud", nil)), "bearer_audience"},
		{"another client", logoutToken(t, good.with("aud", "other-client")), "bearer_audience"},
		{"the audience of access tokens", logoutToken(t, good.with("aud", audience)), "bearer_audience"},
		{"the client in another case", logoutToken(t, good.with("aud", "Web-Client")), "bearer_audience"},
		{"an audience of numbers", logoutToken(t, good.with("aud", []any{"web-client", 1})), "bearer_claims"},
		{"a list with a client", logoutToken(t, good.with("aud", []string{"other-client", "app-client"})), "ok"},
		{"no iat", logoutToken(t, good.with("iat", nil)), "bearer_claims"},
		{"a text as iat", logoutToken(t, good.with("iat", "1")), "bearer_claims"},
		{"an iat in the future", logoutToken(t, good.with("iat", now.Add(6*time.Second).Unix())), "bearer_not_yet_valid"},
		{"an iat within the leeway", logoutToken(t, good.with("iat", now.Add(5*time.Second).Unix())), "ok"},
		{"an iat too long ago", logoutToken(t, good.with("iat", now.Add(-auth.LogoutWindow).Unix(), "exp", nil)), "bearer_expired"},
		{"an iat at the end of the window", logoutToken(t, good.with("iat", now.Add(time.Second-auth.LogoutWindow).Unix(), "exp", nil)), "ok"},
		{"expired", logoutToken(t, good.with("exp", now.Unix())), "bearer_expired"},
		{"a text as exp", logoutToken(t, good.with("exp", "never")), "bearer_claims"},
		{"no exp", logoutToken(t, good.with("exp", nil)), "ok"},
		{"no jti", logoutToken(t, good.with("jti", nil)), "bearer_claims"},
		{"an empty jti", logoutToken(t, good.with("jti", "")), "bearer_claims"},
		{"a number as jti", logoutToken(t, good.with("jti", 7)), "bearer_claims"},
		{"neither sub nor sid", logoutToken(t, good.with("sub", nil, "sid", nil)), "bearer_subject"},
		{"a number as sub", logoutToken(t, good.with("sub", 7)), "bearer_claims"},
		{"a list as sid", logoutToken(t, good.with("sid", []string{"s-1"})), "bearer_claims"},
		{"no events", logoutToken(t, good.with("events", nil)), "bearer_type"},
		{"other events", logoutToken(t, good.with("events", object{"https://schemas.openid.net/secevent/caep/event-type/session-revoked": object{}})), "bearer_type"},
		{"a list of events", logoutToken(t, good.with("events", []string{logoutEvent})), "bearer_type"},
		{"an event that is no object", logoutToken(t, good.with("events", object{logoutEvent: true})), "bearer_type"},
		{"two events", logoutToken(t, good.with("events", object{logoutEvent: object{}, "https://example.com/more": object{}})), "ok"},
		{"a nonce", logoutToken(t, good.with("nonce", "n")), "bearer_type"},
		{"a nonce that is null", logoutToken(t, good.null("nonce")), "ok"}, // counts as absent
		{"a claim in another spelling", logoutToken(t, good.with("sid", nil, "Sid", "s-2")), "bearer_claims"},
	} {
		checkLogout(t, v, row.rule, row.text, row.want)
	}
}

// A logout token is no bearer, and a bearer no logout token.
func TestLogoutTokensAreNoBearers(t *testing.T) {
	t.Parallel()
	v := logoutVerifier(t, auth.LogoutOptions{AnyType: true})
	check(t, v, "a logout token", logoutToken(t, goodLogout().with("aud", audience)), "bearer_type")
	check(t, v, "one without a type of its own", logoutToken(t, goodLogout().with("aud", audience), "typ", "JWT"), "bearer_type")
	checkLogout(t, v, "an access token", sign(t, edKey(), goodClaims().with("aud", "web-client"), "typ", "JWT"), "bearer_type")
}

// What providers send, and whom it is about.
func TestLogoutShapes(t *testing.T) {
	t.Parallel()
	session, user := ticket.Selector{Issuer: issuerName, SessionID: "s-1"}, ticket.Selector{Issuer: issuerName, Subject: "u-1"}
	keycloak := goodLogout().with("typ", "Logout", "events", object{logoutEvent: object{"revoke_offline_access": true}})
	lemon := goodLogout().with("exp", nil, "aud", []string{"web-client"})
	for rule, row := range map[string]struct {
		o      auth.LogoutOptions
		claims object
		typ    any
		want   ticket.Selector
		reason string
	}{
		"keycloak":               {auth.LogoutOptions{}, keycloak, "logout+jwt", session, "ok"},
		"keycloak by sub":        {auth.LogoutOptions{Match: "sub"}, keycloak, "logout+jwt", user, "ok"},
		"an old keycloak":        {auth.LogoutOptions{AnyType: true}, keycloak, "JWT", session, "ok"},
		"okta":                   {auth.LogoutOptions{}, goodLogout().with("sid", nil), "logout+jwt", user, "ok"},
		"lemonldap":              {auth.LogoutOptions{AnyType: true}, lemon, "JWT", session, "ok"},
		"lemonldap, no type":     {auth.LogoutOptions{AnyType: true}, lemon, nil, session, "ok"},
		"any type is not all":    {auth.LogoutOptions{AnyType: true}, lemon, "at+jwt", ticket.Selector{}, "bearer_type"},
		"any type has no nonce":  {auth.LogoutOptions{AnyType: true}, lemon.with("nonce", "n"), "JWT", ticket.Selector{}, "bearer_type"},
		"a session alone":        {auth.LogoutOptions{}, goodLogout().with("sub", nil), "logout+jwt", session, "ok"},
		"sid, and there is none": {auth.LogoutOptions{Match: "sid"}, goodLogout().with("sid", nil), "logout+jwt", ticket.Selector{}, "bearer_subject"},
		"sub, and there is none": {auth.LogoutOptions{Match: "sub"}, goodLogout().with("sub", nil), "logout+jwt", ticket.Selector{}, "bearer_subject"},
	} {
		got := checkLogout(t, logoutVerifier(t, row.o), rule, logoutToken(t, row.claims, "typ", row.typ), row.reason)
		if got.Who != row.want {
			t.Errorf("%s: got %+v, want %+v", rule, got.Who, row.want)
		}
		if row.reason == "ok" && (got.TokenID != "bWJq" || !got.IssuedAt.Equal(now.Add(-time.Second))) {
			t.Errorf("%s: got %q of %s, want its jti and iat", rule, got.TokenID, got.IssuedAt)
		}
	}
}

// An issuer without clients takes no logout tokens, and says so to the operator.
func TestLogoutIsOffByDefault(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	_, err := v.Logout(t.Context(), logoutToken(t, goodLogout()))
	if ticket.Reason(err) != "bearer_audience" || !strings.Contains(fmt.Sprint(ticket.AttrsOf(err)), "client_ids") {
		t.Errorf("got %v %v, want the setting that is missing", err, ticket.AttrsOf(err))
	}
}

func TestLogoutOptionsFaults(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*auth.IssuerOptions){
		"Issuers[0].Logout.ClientIDs: must not contain an empty name": func(o *auth.IssuerOptions) { o.Logout.ClientIDs = []string{""} },
		`Issuers[0].Logout.Match: must be one of sid, sub, sid_or_sub (got "jti")`: func(o *auth.IssuerOptions) {
			o.Logout.Match = "jti"
		},
		"Issuers[0].Logout.Match: must be sid where another claim than sub": func(o *auth.IssuerOptions) {
			o.ClaimNames.Subject = "oid"
		},
	} {
		o := logoutIssuer(auth.LogoutOptions{ClientIDs: []string{"web-client"}})
		o.Issuer, o.Audience = issuerName, []string{audience}
		change(&o)
		if _, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{o}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
