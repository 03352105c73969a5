package auth_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// TestRefusalsName: a refusal carries the values that did not fit, and always
// the issuer where the bearer names one.
func TestRefusalsName(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{
		PublicKeyFile: test.WriteFile(t, "file", jwks(t, publicJWK(t, edKey(), "kid", "k1"), publicJWK(t, edOther(), "kid", "k2"))),
		Audience:      []string{"ws", "chat"},
	})
	good := goodClaims()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	signed := func(claims object, headers ...any) string {
		return sign(t, edKey(), claims, append([]any{"kid", "k1"}, headers...)...)
	}
	for _, row := range []struct{ rule, bearer, reason, attrs string }{
		{"an opaque token", "ya29.a0AfH6SMBx", "bearer_malformed", "segments=2 expected=3"},
		{"a JWE", signed(good) + ".a.b", "bearer_malformed", "segments=5 expected=3"},
		{"a long one", strings.Repeat("a", 9000), "bearer_malformed", "bytes=9000 expected=8192"},
		{"padding", signed(good) + "=", "bearer_malformed", "part=signature fault=not base64url"},
		{"claims that are no object", signText(`{"alg":"EdDSA"}`, "[]"), "bearer_malformed", "part=claims fault=not a JSON object"},
		{"a name twice", signText(`{"alg":"EdDSA","alg":"EdDSA"}`, "{}"), "bearer_malformed", "part=header fault=names that are equal or differ only by case"},
		{"another issuer", signed(good.with("iss", "https://evil.example/\n")), "bearer_issuer", `issuer=https://evil.example/\n expected=[https://id.example.com]`},
		{"no issuer", signed(good.with("iss", nil)), "bearer_issuer", "issuer= expected=[https://id.example.com]"},
		{"a header to be understood", signed(good, "crit", []string{"x"}), "bearer_header", "issuer=https://id.example.com member=crit"},
		{"a proof", signed(good, "typ", "dpop+jwt"), "bearer_type", "issuer=https://id.example.com typ=dpop+jwt expected=[at+jwt JWT ]"},
		{"an ID token", signed(good.with("token_use", "id")), "bearer_type", "issuer=https://id.example.com claim=token_use value=id"},
		{"another algorithm", sign(t, rsaKey(), good), "bearer_algorithm", "issuer=https://id.example.com alg=RS256 expected=[EdDSA]"},
		{"another key", signed(good, "kid", "old"), "bearer_key_unknown", "issuer=https://id.example.com alg=EdDSA kid=old expected=[k1 k2]"},
		{"no key", signed(good, "kid", nil), "bearer_key_ambiguous", "issuer=https://id.example.com alg=EdDSA kid= expected=[k1 k2]"},
		{"another signer", signed(good, "kid", "k2"), "bearer_signature", "issuer=https://id.example.com alg=EdDSA kid=k2"},
		{"another service", signed(good.with("aud", []string{"account", "api"})), "bearer_audience", "issuer=https://id.example.com claim=aud audience=account api expected=[ws chat]"},
		{"nobody", signed(good.with("sub", nil)), "bearer_subject", "issuer=https://id.example.com claim=sub"},
		{"no lifetime", signed(good.with("iat", nil)), "bearer_claims", "issuer=https://id.example.com claim=iat"},
		{"a scope that is none", signed(good.with("scope", 5)), "bearer_claims", "issuer=https://id.example.com claim=scope"},
		{"a misspelled claim", signed(good.with("Scope", "x")), "bearer_claims", "issuer=https://id.example.com claim=Scope"},
		{"expired", signed(good.with("exp", at(-time.Second))), "bearer_expired", "issuer=https://id.example.com claim=exp exp=2026-11-23T11:59:59Z"},
		{"not yet valid", signed(good.with("nbf", at(time.Minute))), "bearer_not_yet_valid", "issuer=https://id.example.com claim=nbf nbf=2026-11-23T12:01:00Z"},
		{"for a year", signed(good.with("exp", at(time.Hour*9000))), "bearer_lifetime", "issuer=https://id.example.com lifetime=9000h1m0s expected=[24h0m0s]"},
		{"bound to a key", signed(good.with("cnf", object{"jkt": "x"})), "bearer_bound", "issuer=https://id.example.com claim=cnf"},
	} {
		check(t, v, row.rule, row.bearer, row.reason)
		if got := attrsOf(v, t, row.bearer); got != row.attrs {
			t.Errorf("%s: got %s\nwant %s", row.rule, got, row.attrs)
		}
	}
}

func attrsOf(v *auth.Verifier, t *testing.T, bearer string) string {
	t.Helper()
	_, err := v.Authenticate(t.Context(), ticket.NewBearer(bearer))
	var parts []string
	for _, a := range ticket.AttrsOf(err) {
		value := a.Value.String()
		if at, ok := a.Value.Any().(time.Time); ok {
			value = at.UTC().Format(time.RFC3339)
		}
		parts = append(parts, a.Key+"="+value)
	}
	return strings.Join(parts, " ")
}

// TestOutageNamesTheIssuer: keys that are missing are those of somebody.
func TestOutageNamesTheIssuer(t *testing.T) {
	t.Parallel()
	v, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{{
		Issuer: issuerName, Audience: []string{audience}, JWKSURL: "https://id.example.com/jwks", Algorithms: []string{"EdDSA"},
	}}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	text := sign(t, edKey(), goodClaims())
	check(t, v, "no keys", text, "keys_unavailable")
	if got, want := attrsOf(v, t, text), "issuer="+issuerName+" alg=EdDSA kid="; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s first", got, want)
	}
}

// TestRefusalsHoldNoSecret: whatever is wrong with a bearer, no attribute holds
// its text or what it says about a person.
func TestRefusalsHoldNoSecret(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	const canary = "canary"
	personal := goodClaims().with("sub", canary+"-sub", "email", canary+"@example.com", "sid", canary+"-sid", "jti", canary+"-jti", "scope", canary)
	values := map[string][]any{}
	for name := range personal {
		values[name] = []any{5, []any{canary}, object{canary: canary}, canary + "\n"}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "iss" || name == "aud" {
			continue // these values are told
		}
		for _, value := range values[name] {
			text := sign(t, edKey(), personal.with(name, value))
			_, err := v.Authenticate(t.Context(), ticket.NewBearer(text))
			said := fmt.Sprint(err, ticket.AttrsOf(err), ticket.DetailOf(err))
			if strings.Contains(said, canary) {
				t.Errorf("%s %v: the error says %s", name, value, said)
			}
			holdsNothingOf(t, name, errors.New(said), text)
		}
	}
	inIssuer := goodClaims().with("iss", sign(t, edKey(), goodClaims()))
	if got := attrsOf(v, t, sign(t, edKey(), inIssuer)); !strings.HasPrefix(got, "issuer=[redacted]") {
		t.Errorf("a bearer in iss: got %s", got)
	}
}
