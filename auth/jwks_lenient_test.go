package auth_test

import (
	"bytes"
	"crypto"
	"log/slog"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/internal/test"
)

// odd returns a JWK with text put in behind its opening brace.
func odd(t *testing.T, k object, text string) string {
	t.Helper()
	return "{" + text + "," + strings.TrimPrefix(toJSON(t, k), "{")
}

// TestOddSets: what nobody reads does not matter, neither in a set that comes
// from a URL nor in a copy of it in a file.
func TestOddSets(t *testing.T) {
	t.Parallel()
	key := publicJWK(t, rsaKey(), "kid", "a", "use", "sig", "alg", "RS256")
	good := toJSON(t, key)
	set := func(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }
	for rule, body := range map[string]string{
		"a byte order mark":                       "\ufeff" + set(good),
		"a byte order mark and white space":       "\ufeff\r\n " + set(good) + "\n",
		"null beside the key":                     set("null", good),
		"other members of the set":                `{"keys":[` + good + `],"cached_at":1,"meta":{"a":[{"b":{"c":[[[[[[[[[]]]]]]]]]}}]}}`,
		"an other member of the set twice":        `{"x":1,"keys":[` + good + `],"x":2}`,
		"KEYS beside keys":                        `{"KEYS":[],"keys":[` + good + `]}`,
		"other members of the key":                set(odd(t, key, `"x5c":["MIIC"],"x5t":"a","x5t#S256":"b","issuer":"https://id.example.com","exp":1,"ext":true`)),
		"an other member of the key twice":        set(odd(t, key, `"x5t":"a","x5t":"b"`)),
		"an other member that is not UTF-8":       set(odd(t, key, `"note":"`+"\xff"+`"`)),
		"private members that are null":           set(odd(t, key, `"d":null,"p":null,"q":null,"dp":null,"dq":null,"qi":null,"oth":null,"k":null`)),
		"private members that are empty":          set(odd(t, key, `"d":"","oth":[],"k":""`)),
		"key_ops that is null":                    set(odd(t, key, `"key_ops":null`)),
		"key_ops that is empty":                   set(odd(t, key, `"key_ops":[ ]`)),
		"crv that is null":                        set(odd(t, key, `"crv":null,"x":null,"y":null`)),
		"alg that is null":                        set(toJSON(t, key.with("alg", nil, "x", 1))[:1] + `"alg":null,` + toJSON(t, key.with("alg", nil))[1:]),
		"alg that is empty":                       set(toJSON(t, key.with("alg", ""))),
		"use that is empty":                       set(toJSON(t, key.with("use", ""))),
		"the same entry twice":                    set(good, good),
		"one key under three algorithms":          set(toJSON(t, key.with("alg", "RS512")), toJSON(t, key.with("alg", "RS384")), good),
		"the kid of a key for encryption":         set(toJSON(t, publicJWK(t, rsaOther(), "kid", "a", "use", "enc", "alg", "RSA-OAEP")), good),
		"the kid of a key of another kind":        set(toJSON(t, publicJWK(t, p256Key(), "kid", "a")), good),
		"the kid of a key of an unknown kind":     set(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"a"}`, good),
		"the kid of another key for an other alg": set(toJSON(t, publicJWK(t, rsaOther(), "kid", "a", "alg", "RS512")), good),
	} {
		server := newKeyServer(t, body)
		v := server.verifier(t, "RS256")
		bearer := sign(t, rsaKey(), goodClaims(), "kid", "a")
		check(t, v, rule, bearer, "ok")
		file := newVerifier(t, auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "file", body), Algorithms: []string{"RS256"}})
		check(t, file, rule+", in a file", bearer, "ok")
	}
}

// TestKeysOfOneName: a kid that stands several times is chosen by what else the
// entries say, and only two different keys that both fit are a refusal.
func TestKeysOfOneName(t *testing.T) {
	t.Parallel()
	one, two := publicJWK(t, rsaKey(), "kid", "a"), publicJWK(t, rsaOther(), "kid", "a")
	server := newKeyServer(t, jwks(t, one.with("alg", "RS256"), two.with("alg", "RS384"), publicJWK(t, p256Key(), "kid", "a"),
		publicJWK(t, p256Key(), "kid", "b")))
	v := server.verifier(t, "RS256", "RS384", "RS512", "ES256", "EdDSA")
	for _, row := range []struct {
		rule   string
		method jwt.SigningMethod
		key    crypto.Signer
		want   string
	}{
		{"RS256 by its alg", jwt.SigningMethodRS256, rsaKey(), "ok"},
		{"RS384 by its alg", jwt.SigningMethodRS384, rsaOther(), "ok"},
		{"ES256 by its kind", jwt.SigningMethodES256, p256Key(), "ok"},
		{"not the key of another alg", jwt.SigningMethodRS256, rsaOther(), "bearer_signature"},
		{"an algorithm that none of them is for", jwt.SigningMethodRS512, rsaKey(), "bearer_algorithm"},
		{"a kind that none of them is of", jwt.SigningMethodEdDSA, edKey(), "bearer_algorithm"},
	} {
		check(t, v, row.rule, signWith(t, row.method, row.key, goodClaims(), "kid", "a"), row.want)
	}
	check(t, v, "no kid, one key under two names", signWith(t, jwt.SigningMethodES256, p256Key(), goodClaims()), "ok")

	server.serve(jwks(t, one, two, publicJWK(t, edKey(), "kid", "b")))
	v = server.verifier(t, "RS256", "EdDSA")
	check(t, v, "two different keys that both fit", sign(t, rsaKey(), goodClaims(), "kid", "a"), "bearer_key_ambiguous")
	check(t, v, "which spoil no other key", sign(t, edKey(), goodClaims(), "kid", "b"), "ok")
}

// TestSkippedKeysAreNamed: of a set with faults the log names each entry once
// and says why; what is only meant for something else is not worth a line.
func TestSkippedKeysAreNamed(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t,
		publicJWK(t, edKey(), "kid", "good"),
		publicJWK(t, test.RSAKey(1024), "kid", "weak"),
		object{"kty": "oct", "k": "c2VjcmV0LW1hcmtlcg", "kid": "secret\n"},
		publicJWK(t, p256Key(), "kid", "leaked", "d", "c2VjcmV0LW1hcmtlcg"),
		publicJWK(t, p256Key(), "kid", "twin"),
		publicJWK(t, rsaOther(), "kid", "enc", "use", "enc"),
		publicJWK(t, edOther(), "kid", "clash"), publicJWK(t, edKey(), "kid", "clash"),
		publicJWK(t, rsaKey(), "kid", "other-alg"),
		object{"kty": "EC", "crv": "P-256", "kid": "cut"},
	))
	var log bytes.Buffer
	v := mustNew(t, auth.Options{
		Now: clock, Network: server.network, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Issuers: []auth.IssuerOptions{{JWKSURL: server.url, Algorithms: []string{"EdDSA", "ES256"}}},
	})
	check(t, v, "the good one", sign(t, edKey(), goodClaims(), "kid", "good"), "ok")
	check(t, v, "a key whose private half everybody can read", sign(t, p256Key(), goodClaims(), "kid", "twin"), "bearer_key_unknown")
	v.Close() // nobody writes into the log any more
	for kid, cause := range map[string]string{
		"weak": "RSA modulus is even or not of 2048 to 8192 bits", `secret\n`: "holds a private or symmetric key",
		"leaked": "holds a private or symmetric key", "twin": "its private key is in the same set",
		"clash": "another key has the same kid and fits the same algorithm", "cut": "x is missing",
	} {
		found := 0
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "kid="+kid+" ") && strings.Contains(line, "level=WARN msg=\"key is not used\"") && strings.Contains(line, cause) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: got %d lines with %q, want 1:\n%s", kid, found, cause, &log)
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 6 {
		t.Errorf("got %d lines, want one for each of the six faults:\n%s", got, &log)
	}
	if strings.Contains(log.String(), "c2VjcmV0") {
		t.Errorf("the log holds a private key:\n%s", &log)
	}
}

// TestSetsWithoutAKeySayWhy: the state names the entries and what was wrong
// with each.
func TestSetsWithoutAKeySayWhy(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct{ body, want string }{
		"for another algorithm": {
			jwks(t, publicJWK(t, p256Key(), "kid", "k1")),
			`example.com: the key set is refused: no usable key: key "k1": for ES256, which is not among the algorithms of the issuer (RS256)`,
		},
		"only for encryption":    {jwks(t, publicJWK(t, rsaKey(), "use", "enc")), `no usable key: key 1: not for signatures, by its use or key_ops`},
		"weak":                   {jwks(t, publicJWK(t, test.RSAKey(1024), "kid", "k1")), `key "k1": RSA modulus`},
		"a member twice":         {`{"keys":[{"kty":"RSA","kty":"EC"}]}`, "key 1: kty is there twice"},
		"a number":               {`{"keys":[5]}`, "key 1: JSON, but not an object"},
		"more than three faults": {`{"keys":[null,null,null,null,null]}`, "key 3: null instead of a key; and 2 more"},
		"none":                   {`{"keys":[]}`, "the set is empty"},
		"HTML":                   {"\n<!doctype html>", "refused: HTML or XML, not JSON"},
		"nothing":                {"", "refused: empty"},
		"a key, not a set":       {toJSON(t, publicJWK(t, rsaKey())), `JSON without a list "keys"`},
		"keys is an object":      {`{"keys":{}}`, "keys is not a list"},
		"keys twice":             {`{"keys":[],"keys":[]}`, "keys is there twice"},
	} {
		v := newKeyServer(t, row.body).verifier(t)
		states := v.KeyStates()
		if len(states) != 1 || states[0].Err == nil || !strings.Contains(states[0].Err.Error(), row.want) {
			t.Errorf("%s: got %+v, want an error with %q", rule, states, row.want)
		}
	}
}
