package auth_test

import (
	"crypto"
	"crypto/x509"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{
		Keys: []crypto.PublicKey{edKey().Public()}, Claims: []string{"email", "groups", "absent"},
	})
	got := check(t, v, "a good bearer", sign(t, edKey(), goodClaims().with(
		"aud", []string{"other", audience}, "sid", "s-1", "scope", "read write",
		"email", "u@example.com", "groups", []string{"a", "b"}, "role", "admin",
	)), "ok")
	want := ticket.Identity{
		Issuer: issuerName, Subject: "u-1", SessionID: "s-1", TokenID: "t-1",
		Audience: []string{"other", audience}, Scope: "read write",
		Claims:    map[string]any{"email": "u@example.com", "groups": []any{"a", "b"}},
		IssuedAt:  now.Add(-time.Minute).Local(),
		ExpiresAt: now.Add(time.Hour).Local(),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestAlgorithms signs with each algorithm, and presents each of the tokens
// to an issuer that has the right kind of key and allows that algorithm only.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	for _, row := range []struct {
		method jwt.SigningMethod
		key    any
	}{
		{jwt.SigningMethodRS256, rsaKey()},
		{jwt.SigningMethodRS384, rsaKey()},
		{jwt.SigningMethodRS512, rsaKey()},
		{jwt.SigningMethodPS256, rsaKey()},
		{jwt.SigningMethodPS384, rsaKey()},
		{jwt.SigningMethodPS512, rsaKey()},
		{jwt.SigningMethodES256, p256Key()},
		{jwt.SigningMethodES384, p384Key()},
		{jwt.SigningMethodES512, p521Key()},
		{jwt.SigningMethodEdDSA, edKey()},
		{jwt.SigningMethodHS256, secret},
		{jwt.SigningMethodHS384, secret},
		{jwt.SigningMethodHS512, secret},
	} {
		issuer := auth.IssuerOptions{Algorithms: []string{row.method.Alg()}}
		if signer, ok := row.key.(crypto.Signer); ok {
			issuer.Keys = []crypto.PublicKey{signer.Public()}
		} else {
			issuer.HMACSecretFile = test.WriteFile(t, "file", string(secret)+"\n")
		}
		v := newVerifier(t, issuer)
		text := signWith(t, row.method, row.key, goodClaims())
		check(t, v, row.method.Alg(), text, "ok")
		at := len(text) - 10
		changed := map[bool]string{true: "B", false: "A"}[text[at] == 'A']
		check(t, v, row.method.Alg()+" with its signature changed", text[:at]+changed+text[at+1:], "bearer_signature")
	}
}

func TestAlgorithmOfAJWK(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{
		PublicKeyFile: test.WriteFile(t, "file", toJSON(t, publicJWK(t, rsaKey(), "alg", "PS384"))),
	})
	check(t, v, "the alg of a JWK is its default", signWith(t, jwt.SigningMethodPS384, rsaKey(), goodClaims()), "ok")
	check(t, v, "and its only one", sign(t, rsaKey(), goodClaims()), "bearer_algorithm")
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, configured string
		typ              any
		want             string
	}{
		{"RFC 9068 names it at+jwt", "", "at+jwt", "ok"},
		{"or in full", "", "application/at+jwt", "ok"},
		{"case does not count in a media type", "", "Application/AT+JWT", "ok"},
		{"another type may be configured", "JWT", "jwt", "ok"},
		{"also in full", "application/vnd.example+jwt", "vnd.example+jwt", "ok"},
		{"which at+jwt is not then", "JWT", "at+jwt", "bearer_type"},
		{"JWT is what most providers say", "", "JWT", "ok"},
		{"in any case and in full", "", "application/jwt", "ok"},
		{"typ absent", "", nil, "ok"},
		{"J39 typ empty", "", "", "bearer_type"},
		{"the letter of RFC 9068", auth.AccessTokenType, "at+jwt", "ok"},
		{"the letter in full", auth.AccessTokenType, "application/at+jwt", "ok"},
		{"J39 JWT is not the letter", auth.AccessTokenType, "JWT", "bearer_type"},
		{"J39 no typ is not the letter", auth.AccessTokenType, nil, "bearer_type"},
		{"a configured type is needed", "JWT", nil, "bearer_type"},
		{"J39 a DPoP proof", "", "dpop+jwt", "bearer_type"},
		{"J39 a logout token", "", "logout+jwt", "bearer_type"},
		{"an assertion that identity signed", "", "wsticket-assertion+jwt", "bearer_type"},
		{"another top-level type", "", "text/at+jwt", "bearer_type"},
		{"the prefix alone", "", "application/", "bearer_type"},
		{"typ is a text", "", 5, "bearer_type"},
		{"a security event", "", "secevent+jwt", "bearer_type"},
		{"a type that nobody knows", "", "vnd.example+jwt", "bearer_type"},
	} {
		v := newVerifier(t, auth.IssuerOptions{Type: row.configured, Keys: []crypto.PublicKey{edKey().Public()}})
		check(t, v, row.rule, sign(t, edKey(), goodClaims().with("client_id", "app"), "typ", row.typ), row.want)
	}
}

func TestLeeway(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{
		Keys: []crypto.PublicKey{edKey().Public()}, Leeway: 30 * time.Second,
	})
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, row := range []struct {
		rule   string
		claims object
		want   string
	}{
		{"J30 no leeway for exp", goodClaims().with("exp", at(0)), "bearer_expired"},
		{"exp is a second away", goodClaims().with("exp", at(time.Second)), "ok"},
		{"iat is ahead by the leeway", goodClaims().with("iat", at(30*time.Second)), "ok"},
		{"iat is ahead by more", goodClaims().with("iat", at(31*time.Second)), "bearer_not_yet_valid"},
		{"nbf is ahead by the leeway", goodClaims().with("nbf", at(30*time.Second)), "ok"},
		{"nbf is ahead by more", goodClaims().with("nbf", at(31*time.Second)), "bearer_not_yet_valid"},
	} {
		check(t, v, row.rule, sign(t, edKey(), row.claims), row.want)
	}
}

func TestNoLeeway(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public()}, Leeway: auth.NoLeeway})
	check(t, v, "iat is now", sign(t, edKey(), goodClaims().with("iat", now.Unix())), "ok")
	check(t, v, "iat is a second ahead", sign(t, edKey(), goodClaims().with("iat", now.Unix()+1)), "bearer_not_yet_valid")
}

func TestPEMFiles(t *testing.T) {
	t.Parallel()
	text := sign(t, rsaKey(), goodClaims(), "kid", "whatever")
	for _, row := range []struct{ rule, content string }{
		{"PKIX", test.PublicPEM(rsaKey())},
		{"PKCS #1", test.PEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))},
		{"certificate, whatever its dates", test.PEM("CERTIFICATE", certificate(t, rsaKey()))},
		{"two keys of different kinds", test.PublicPEM(edKey()) + test.PublicPEM(rsaKey())},
		{"JWK", toJSON(t, publicJWK(t, rsaKey()))},
		{"JWK set without names", jwks(t, publicJWK(t, rsaKey()))},
		{"JWK set with the name", jwks(t, publicJWK(t, rsaOther(), "kid", "other"), publicJWK(t, rsaKey(), "kid", "whatever"))},
	} {
		v := newVerifier(t, auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "file", row.content)})
		check(t, v, row.rule, text, "ok")
	}
}
