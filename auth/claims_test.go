package auth_test

import (
	"crypto"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
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
		{"nbf null", "nbf", "null", "bearer_claims"},
		{"J32 iat in 600 s", "iat", unix(600 * time.Second), "bearer_not_yet_valid"},
		{"iat one second ahead", "iat", unix(time.Second), "bearer_not_yet_valid"},
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
		{"J34 aud null", "aud", `null`, "bearer_claims"},
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
		{"J41 cnf null", "cnf", `null`, "bearer_bound"},
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
		{"only Iss", `"iss"`, `"Iss"`, "bearer_claims"},
		{"only Sub", `"sub"`, `"Sub"`, "bearer_claims"},
		{"a name twice deep inside", `"sub":"u-1"`, `"sub":"u-1","x":{"a":[{"b":1,"B":2}]}`, "bearer_malformed"},
	} {
		text := strings.Replace(toJSON(t, goodClaims()), row.from, row.to, 1)
		check(t, v, row.rule, signText(`{"alg":"EdDSA","typ":"at+jwt"}`, text), row.want)
	}
}

// TestForeignTokensOfALegacyIssuer: also if typ does not show them.
func TestForeignTokensOfALegacyIssuer(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Type: auth.AnyType, Keys: []crypto.PublicKey{edKey().Public()}})
	check(t, v, "an access token", sign(t, edKey(), goodClaims(), "typ", "JWT"), "ok")
	check(t, v, "J40 an ID token", sign(t, edKey(), goodClaims().with("nonce", "n", "at_hash", "AAAA"), "typ", "JWT"), "bearer_type")
	check(t, v, "a logout token", sign(t, edKey(), goodClaims().with("events", object{}), "typ", "JWT"), "bearer_type")
}

func unix(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
