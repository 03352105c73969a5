package auth_test

import (
	"crypto"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// TestClaims is J16 to J19 and J28 to J42: claims of tokens that are correctly
// signed. Each row replaces one member of good claims,
// written as it would come over the wire.
func TestClaims(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	for _, row := range []struct{ rule, member, value, want string }{
		{"J28 no exp", "exp", "", "bearer_claims"},
		{"J29 exp 0", "exp", "0", "bearer_expired"},
		{"J29 exp -1", "exp", "-1", "bearer_claims"},
		{"J29 exp 1e30", "exp", "1e30", "bearer_claims"},
		{"J29 exp 1e400", "exp", "1e400", "bearer_malformed"},
		{"J29 exp 2^63", "exp", "9223372036854775808", "bearer_claims"},
		{"J29 exp null", "exp", "null", "bearer_claims"},
		{"J29 exp true", "exp", "true", "bearer_claims"},
		{"J29 exp []", "exp", "[]", "bearer_claims"},
		{"J19 exp is a text", "exp", `"1900000000"`, "bearer_claims"},
		{"exp in milliseconds", "exp", "1900000000000", "bearer_claims"},
		{"exp is now", "exp", unix(0), "bearer_expired"},
		{"exp is one second away", "exp", unix(time.Second), "ok"},
		{"exp was one second ago", "exp", unix(-time.Second), "bearer_expired"},
		{"exp with a fraction", "exp", unix(time.Second) + ".5", "ok"},
		{"J31 nbf in 600 s", "nbf", unix(600 * time.Second), "bearer_not_yet_valid"},
		{"nbf is now", "nbf", unix(0), "ok"},
		{"nbf is a text", "nbf", `"1"`, "bearer_claims"},
		{"nbf null", "nbf", "null", "ok"},
		{"J32 iat in 600 s", "iat", unix(600 * time.Second), "bearer_not_yet_valid"},
		{"iat is ahead by the default leeway", "iat", unix(5 * time.Second), "ok"},
		{"iat is ahead by more", "iat", unix(6 * time.Second), "bearer_not_yet_valid"},
		{"nbf is ahead by the default leeway", "nbf", unix(5 * time.Second), "ok"},
		{"nbf is ahead by more", "nbf", unix(6 * time.Second), "bearer_not_yet_valid"},
		{"iat absent: a lifetime without a beginning", "iat", "", "bearer_claims"},
		{"iat is a text", "iat", `"1"`, "bearer_claims"},
		{"J33 lives for ten years", "exp", unix(10 * 365 * 24 * time.Hour), "bearer_lifetime"},
		{"lives for 24 h and a minute", "exp", unix(24 * time.Hour), "bearer_lifetime"},
		{"lives for 24 h", "exp", unix(24*time.Hour - time.Minute), "ok"},

		{"J34 aud absent", "aud", "", "bearer_audience"},
		{"J34 aud empty", "aud", `""`, "bearer_audience"},
		{"J34 aud [\"\"]", "aud", `[""]`, "bearer_audience"},
		{"J34 aud []", "aud", `[]`, "bearer_audience"},
		{"J34 aud {}", "aud", `{}`, "bearer_claims"},
		{"J34 aud null", "aud", `null`, "bearer_audience"},
		{"J34 aud with a number", "aud", `["ws",1]`, "bearer_claims"},
		{"J34 aud of somebody else", "aud", `"other"`, "bearer_audience"},
		{"J34 aud in another case", "aud", `"WS"`, "bearer_audience"},
		{"J34 aud with a space", "aud", `"ws "`, "bearer_audience"},
		{"J34 aud two in one text", "aud", `"ws other"`, "bearer_audience"},
		{"J35 aud of several", "aud", `["other","ws"]`, "ok"},

		{"J36 iss with a slash", "iss", `"https://id.example.com/"`, "bearer_issuer"},
		{"J36 iss in upper case", "iss", `"HTTPS://ID.EXAMPLE.COM"`, "bearer_issuer"},
		{"J36 iss absent", "iss", "", "bearer_issuer"},
		{"J36 iss empty", "iss", `""`, "bearer_issuer"},
		{"J36 iss is a list", "iss", `["https://id.example.com"]`, "bearer_issuer"},
		{"R32 iss of a stranger is never fetched", "iss", `"https://evil.example"`, "bearer_issuer"},

		{"J37 sub absent", "sub", "", "bearer_subject"},
		{"J37 sub empty", "sub", `""`, "bearer_subject"},
		{"J37 sub 5", "sub", `5`, "bearer_subject"},
		{"J37 sub null", "sub", `null`, "bearer_subject"},
		{"J37 sub with NUL and line break", "sub", `"u\u0000\n"`, "bearer_subject"},
		{"J38 sub of 255 bytes", "sub", `"` + strings.Repeat("u", 255) + `"`, "ok"},
		{"J38 sub of 256 bytes", "sub", `"` + strings.Repeat("u", 256) + `"`, "bearer_subject"},
		{"J38 sub of 5 kB", "sub", `"` + strings.Repeat("u", 5000) + `"`, "bearer_subject"},
		{"J38 sub with a right-to-left override", "sub", `"u\u202egro"`, "bearer_subject"},
		{"J38 sub with an unpaired surrogate", "sub", `"\ud800"`, "bearer_malformed"},
		{"sub with invalid UTF-8", "sub", "\"u\xff\"", "bearer_malformed"},
		{"sub in any script", "sub", `"Ünïcode 名前"`, "ok"},

		{"jti null is none", "jti", `null`, "ok"},
		{"sid null is none", "sid", `null`, "ok"},
		{"scope null is none", "scope", `null`, "ok"},
		{"at_hash null is none", "at_hash", `null`, "ok"},
		{"nonce null is none", "nonce", `null`, "ok"},
		{"iat null is missing", "iat", `null`, "bearer_claims"},
		{"iss null is missing", "iss", `null`, "bearer_issuer"},
		{"jti is a number", "jti", `5`, "bearer_claims"},
		{"jti empty", "jti", `""`, "bearer_claims"},
		{"jti absent", "jti", "", "ok"},
		{"sid is a list", "sid", `["a"]`, "bearer_claims"},
		{"sid with a line break", "sid", `"a\nb"`, "bearer_claims"},
		{"scope as a list", "scope", `["read","write"]`, "ok"},
		{"scope is a number", "scope", `5`, "bearer_claims"},
		{"scope with a line break", "scope", `"read\nwrite"`, "bearer_claims"},
		{"scope with a quote", "scope", `"read\"write"`, "bearer_claims"},

		{"J40 an ID token (at_hash)", "at_hash", `"AAAA"`, "bearer_type"},
		{"J40 an ID token (c_hash)", "c_hash", `"AAAA"`, "bearer_type"},
		{"a logout token", "events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "bearer_type"},
		{"J41 cnf of DPoP", "cnf", `{"jkt":"AAAA"}`, "bearer_bound"},
		{"J41 cnf of mTLS", "cnf", `{"x5t#S256":"AAAA"}`, "bearer_bound"},
		{"J41 cnf null", "cnf", `null`, "ok"},
		{"J41 CNF", "CNF", `{"jkt":"AAAA"}`, "bearer_claims"},
		{"J17 SUB besides sub", "SUB", `"admin"`, "bearer_malformed"},
		{"ſub, which Go takes for sub, besides it", "ſub", `"admin"`, "bearer_malformed"},
		{"NBF alone, which others may heed", "NBF", unix(600 * time.Second), "bearer_claims"},
		{"Jti alone is seen also where jti is absent", "Scope", `"admin"`, "bearer_claims"},
		{"a claim nobody knows", "x", `{"a":[1,2,{"b":null}]}`, "ok"},
	} {
		claims := goodClaims().with(row.member, nil)
		text := toJSON(t, claims)
		if row.value != "" {
			text = text[:len(text)-1] + `,"` + row.member + `":` + row.value + `}`
		}
		check(t, v, row.rule, signText(`{"alg":"EdDSA","typ":"at+jwt"}`, text), row.want)
	}
}

func TestClaimNames(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	for _, row := range []struct{ rule, from, to, want string }{
		{"J16 sub twice", `"sub":"u-1"`, `"sub":"admin","sub":"u-1"`, "bearer_malformed"},
		{"J16 sub twice by an escape", `"sub":"u-1"`, `"s\u0075b":"admin","sub":"u-1"`, "bearer_malformed"},
		{"sub once by an escape is sub", `"sub":"u-1"`, `"s\u0075b":"u-1"`, "ok"},
		{"J18 only EXP", `"exp"`, `"EXP"`, "bearer_claims"},
		{"only Iss", `"iss"`, `"Iss"`, "bearer_issuer"},
		{"only Sub", `"sub"`, `"Sub"`, "bearer_claims"},
		{"a name twice deep inside", `"sub":"u-1"`, `"sub":"u-1","x":{"a":[{"b":1,"B":2}]}`, "bearer_malformed"},
	} {
		text := strings.Replace(toJSON(t, goodClaims()), row.from, row.to, 1)
		check(t, v, row.rule, signText(`{"alg":"EdDSA","typ":"at+jwt"}`, text), row.want)
	}
}

// TestOtherKinds: a token that says that it is something else is refused under
// every setting of Type.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	for typ, configured := range map[any][]string{
		"JWT": {"", "JWT"}, nil: {""}, "at+jwt": {"", auth.AccessTokenType}, "vnd.example+jwt": {"vnd.example+jwt"},
	} {
		for _, setting := range configured {
			v := newVerifier(t, auth.IssuerOptions{Type: setting, Keys: []crypto.PublicKey{edKey().Public()}})
			rule := func(what string) string { return fmt.Sprintf("%s, typ %v, type %q", what, typ, setting) }
			claims := goodClaims().with("client_id", "app")
			for what, more := range map[string][]any{
				"J40 an ID token of a browser":     {"nonce", "n", "at_hash", "AAAA"},
				"an ID token of the hybrid flow":   {"c_hash", "AAAA"},
				"an ID token with a state":         {"s_hash", "AAAA"},
				"a logout token":                   {"events", object{"http://schemas.openid.net/event/backchannel-logout": object{}}},
				"an ID token of Cognito":           {"token_use", "id"},
				"an ID token of Keycloak":          {"typ", "ID"},
				"a refresh token of Keycloak":      {"typ", "Refresh"},
				"an offline token of Keycloak":     {"typ", "Offline"},
				"a logout token of Keycloak":       {"typ", "Logout"},
				"a refresh token of simplejwt":     {"token_type", "refresh"},
				"an ID token of PingAM":            {"tokenName", "id_token"},
				"a refresh token of PingAM":        {"tokenName", "refresh_token", "token_type", "Bearer"},
				"a refresh token in other letters": {"token_use", "Refresh-Token"},
				"an ID token in other letters":     {"type", "idToken"},
				"a refresh token of Flask":         {"type", "refresh"},
				"an ID token that says access too": {"typ", "Bearer", "token_use", "id"},
			} {
				check(t, v, rule(what), sign(t, edKey(), claims.with(more...), "typ", typ), "bearer_type")
			}
			for what, more := range map[string][]any{
				"an access token":                      nil,
				"an access token of Keycloak":          {"typ", "Bearer"},
				"its nonce, as Keycloak copied it":     {"typ", "Bearer", "nonce", "n"},
				"an access token of Cognito":           {"token_use", "access"},
				"an access token of PingAM":            {"tokenName", "access_token", "token_type", "Bearer", "nonce", "n"},
				"a claim of that name about others":    {"type", "customer"},
				"a claim of that name that is no text": {"type", []int{1}},
			} {
				check(t, v, rule(what), sign(t, edKey(), claims.with(more...), "typ", typ), "ok")
			}
		}
	}
	v := edVerifier(t)
	check(t, v, "an ID token with a nonce alone", sign(t, edKey(), goodClaims().with("nonce", "n"), "typ", "JWT"), "bearer_type")
}

// TestProfile: with at+jwt every claim that RFC 9068 2.2 requires is there.
func TestProfile(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Type: auth.AccessTokenType, Keys: []crypto.PublicKey{edKey().Public()}})
	good := goodClaims().with("client_id", "app")
	check(t, v, "all of them", sign(t, edKey(), good), "ok")
	for name, want := range map[string]string{
		"iss": "bearer_issuer", "exp": "bearer_claims", "aud": "bearer_audience", "sub": "bearer_subject",
		"client_id": "bearer_claims", "iat": "bearer_claims", "jti": "bearer_claims",
	} {
		check(t, v, "without "+name, sign(t, edKey(), good.with(name, nil)), want)
		check(t, v, "with null as "+name, sign(t, edKey(), good.null(name)), want)
	}
	check(t, v, "client_id is a number", sign(t, edKey(), good.with("client_id", 5)), "bearer_claims")
	named := newVerifier(t, auth.IssuerOptions{
		Type: auth.AccessTokenType, Keys: []crypto.PublicKey{edKey().Public()}, ClaimNames: auth.ClaimNames{Subject: "uid"},
	})
	check(t, named, "sub as well as the subject", sign(t, edKey(), good.with("uid", "u-2")), "ok")
	check(t, named, "sub is required all the same", sign(t, edKey(), good.with("uid", "u-2", "sub", nil)), "bearer_claims")
	elsewhere := newVerifier(t, auth.IssuerOptions{
		Type: auth.AccessTokenType, Keys: []crypto.PublicKey{edKey().Public()}, ClaimNames: auth.ClaimNames{Audience: "azp"},
	})
	check(t, elsewhere, "azp and aud for us", sign(t, edKey(), good.with("azp", audience)), "ok")
	check(t, elsewhere, "aud for another service", sign(t, edKey(), good.with("azp", audience, "aud", "other")), "bearer_audience")
	check(t, elsewhere, "azp is another service", sign(t, edKey(), good.with("azp", "other")), "bearer_audience")
}

// TestConfiguredClaimNames reads claims as Cognito, Clerk, Entra and Okta have
// them.
func TestConfiguredClaimNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule   string
		names  auth.ClaimNames
		claims object
		want   ticket.Identity
	}{
		{
			"Cognito",
			auth.ClaimNames{Audience: "client_id", Session: "origin_jti"},
			goodClaims().with("aud", nil, "client_id", "ws", "origin_jti", "s-1", "scope", "openid chat"),
			ticket.Identity{Subject: "u-1", Audience: []string{"ws"}, SessionID: "s-1", ClientID: "ws", Scope: "openid chat"},
		},
		{
			"Clerk",
			auth.ClaimNames{Audience: "azp"},
			goodClaims().with("aud", nil, "azp", "ws", "sid", "sess_1"),
			ticket.Identity{Subject: "u-1", Audience: []string{"ws"}, SessionID: "sess_1", ClientID: "ws"},
		},
		{
			"Entra",
			auth.ClaimNames{Subject: "oid", Scope: "scp"},
			goodClaims().with("sub", "pairwise", "oid", "u-1", "scp", "Chat.Read Chat.Write"),
			ticket.Identity{Subject: "u-1", Audience: []string{"ws"}, Scope: "Chat.Read Chat.Write"},
		},
		{
			"Okta",
			auth.ClaimNames{Scope: "scp"},
			goodClaims().with("scp", []string{"openid", "chat"}),
			ticket.Identity{Subject: "u-1", Audience: []string{"ws"}, Scope: "openid chat"},
		},
		{
			"a name that is a URL",
			auth.ClaimNames{Subject: "https://example.com/user"},
			goodClaims().with("sub", nil, "https://example.com/user", "u-1"),
			ticket.Identity{Subject: "u-1", Audience: []string{"ws"}},
		},
	} {
		v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public()}, ClaimNames: row.names})
		got := check(t, v, row.rule, sign(t, edKey(), row.claims, "typ", "JWT"), "ok")
		row.want.Issuer, row.want.TokenID = issuerName, "t-1"
		row.want.IssuedAt, row.want.ExpiresAt = now.Add(-time.Minute).Local(), now.Add(time.Hour).Local()
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v\nwant %+v", row.rule, got, row.want)
		}
	}
	v := newVerifier(t, auth.IssuerOptions{
		Keys: []crypto.PublicKey{edKey().Public()}, ClaimNames: auth.ClaimNames{Subject: "oid", Audience: "client_id", Scope: "scp"},
	})
	good := goodClaims().with("oid", "u-1", "client_id", "ws", "aud", "other")
	for rule, row := range map[string]struct {
		claims object
		want   string
	}{
		"aud is not looked at":              {good, "ok"},
		"aud is not a way around":           {good.with("client_id", "other", "aud", "ws"), "bearer_audience"},
		"nor is sub":                        {good.with("oid", nil), "bearer_subject"},
		"a subject that is a number":        {good.with("oid", 5), "bearer_subject"},
		"scopes with a quote":               {good.with("scp", `a"b`), "bearer_claims"},
		"a configured name in another case": {good.with("OID", "u-2", "oid", nil), "bearer_claims"},
		"a registered name in another case": {good.with("Sub", "u-2", "sub", nil), "bearer_claims"},
	} {
		check(t, v, rule, sign(t, edKey(), row.claims), row.want)
	}
}

func unix(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
