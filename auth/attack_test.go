package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/internal/test"
)

// The J numbers are those of the list of inputs in the security design.

// TestNone is J1 to J4: a token without a signature.
func TestNone(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{rsaKey().Public()}})
	claims := b64([]byte(toJSON(t, goodClaims())))
	unsigned := func(alg any) string {
		return b64([]byte(toJSON(t, object{"alg": alg, "typ": "at+jwt"}))) + "." + claims + "."
	}
	good := sign(t, rsaKey(), goodClaims())
	for _, row := range []struct{ rule, bearer, want string }{
		{"J1 none with no signature", unsigned("none"), "bearer_malformed"},
		{"J1 none with some signature", unsigned("none") + "AA", "bearer_algorithm"},
		{"J2 None", unsigned("None") + "AA", "bearer_algorithm"},
		{"J2 NONE", unsigned("NONE") + "AA", "bearer_algorithm"},
		{"J2 nOnE", unsigned("nOnE") + "AA", "bearer_algorithm"},
		{"J2 an alg in the wrong case", unsigned("rs256") + "AA", "bearer_algorithm"},
		{"J3 alg null", unsigned(nil) + "AA", "bearer_algorithm"},
		{"J3 alg 0", unsigned(0) + "AA", "bearer_algorithm"},
		{"J3 alg []", unsigned([]int{}) + "AA", "bearer_algorithm"},
		{"J3 alg {}", unsigned(object{}) + "AA", "bearer_algorithm"},
		{"J3 alg empty", unsigned("") + "AA", "bearer_algorithm"},
		{"J3 alg absent", b64([]byte(`{"typ":"at+jwt"}`)) + "." + claims + ".AA", "bearer_algorithm"},
		{"J4 the signature is cut off", good[:strings.LastIndexByte(good, '.')+1], "bearer_malformed"},
		{"J4 and its point too", good[:strings.LastIndexByte(good, '.')], "bearer_malformed"},
	} {
		check(t, v, row.rule, row.bearer, row.want)
	}
}

// TestPublicKeyAsSecret is J5: HS256 with a public key as its secret.
func TestPublicKeyAsSecret(t *testing.T) {
	t.Parallel()
	text := test.PublicPEM(rsaKey())
	der, _ := pem.Decode([]byte(text))
	set := jwks(t, publicJWK(t, rsaKey()))
	v := newVerifier(t, auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "file", text)})
	for rule, secret := range map[string]string{
		"PEM": text, "PEM without the last line break": strings.TrimSpace(text),
		"DER": string(der.Bytes), "JWK set": set, "empty (J6)": "",
	} {
		check(t, v, "J5 secret is the "+rule,
			signWith(t, jwt.SigningMethodHS256, []byte(secret), goodClaims()), "bearer_algorithm")
	}
}

// TestECDSASignatures is J8 and J9.
func TestECDSASignatures(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{p256Key().Public()}})
	good := sign(t, p256Key(), goodClaims())
	signed := good[:strings.LastIndexByte(good, '.')]
	hash := sha256.Sum256([]byte(signed))
	asn1, err := ecdsa.SignASN1(rand.Reader, p256Key(), hash[:])
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	order := elliptic.P256().Params().N.Bytes()
	zero := make([]byte, 32)
	for rule, signature := range map[string][]byte{
		"J8 r = s = 0":               make([]byte, 64),
		"J8 r = 0, s = n":            append(zero[:32:32], order...),
		"J8 r = n, s = n":            append(order[:32:32], order...),
		"J9 ASN.1":                   asn1,
		"J9 63 bytes":                make([]byte, 63),
		"J9 65 bytes":                make([]byte, 65),
		"J9 96 bytes":                make([]byte, 96),
		"a signature of another key": ed25519.Sign(edKey(), []byte(signed)),
	} {
		check(t, v, rule, signed+"."+b64(signature), "bearer_signature")
	}
}

// TestTwin is J47: an ES256 signature (r, s) has the twin (r, n-s). It is
// accepted, as it has to be, and names the same token. So two texts may be one
// token.
func TestTwin(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{p256Key().Public()}})
	good := sign(t, p256Key(), goodClaims())
	parts := strings.Split(good, ".")
	signature := unb64(t, parts[2])
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	one := check(t, v, "the token", good, "ok")
	two := check(t, v, "J47 its twin", parts[0]+"."+parts[1]+"."+b64(signature), "ok")
	if one.TokenID != two.TokenID || one.TokenID == "" {
		t.Errorf("token ids: got %q and %q, want the same", one.TokenID, two.TokenID)
	}
}

// TestAlgorithmOfTheKey is J10 and J11: the algorithm has to be that of the
// key, of its curve and of the issuer's list.
func TestAlgorithmOfTheKey(t *testing.T) {
	t.Parallel()
	ec := newVerifier(t, auth.IssuerOptions{
		Keys:       []crypto.PublicKey{p256Key().Public(), p384Key().Public()},
		Algorithms: []string{"ES256", "ES384"},
	})
	named := newVerifier(t, auth.IssuerOptions{
		PublicKeyFile: test.WriteFile(t, "file", jwks(t, publicJWK(t, p256Key(), "kid", "small"), publicJWK(t, p384Key(), "kid", "large"))),
		Algorithms:    []string{"ES256", "ES384"},
	})
	rs := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{rsaKey().Public()}, Algorithms: []string{"RS256"}})
	ps := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{rsaKey().Public()}, Algorithms: []string{"PS256", "RS256"}})
	es384 := es384OverP256(t)
	for _, row := range []struct {
		rule   string
		v      *auth.Verifier
		bearer string
		want   string
	}{
		{"J10 ES384 over P-256 finds no such key", ec, es384(), "bearer_signature"},
		{"J10 ES384 over P-256 by name", named, es384("kid", "small"), "bearer_algorithm"},
		{"the right algorithm by name", named, sign(t, p256Key(), goodClaims(), "kid", "small"), "ok"},
		{"J11 PS256 where RS256 is allowed", rs, signWith(t, jwt.SigningMethodPS256, rsaKey(), goodClaims()), "bearer_algorithm"},
		{"PS256 with the salt of the hash", ps, signWith(t, jwt.SigningMethodPS256, rsaKey(), goodClaims()), "ok"},
		{"J11 PS256 with no salt", ps, signPSS(t, 0), "bearer_signature"},
		{"J11 PS256 with a shorter salt", ps, signPSS(t, 20), "bearer_signature"},
		{"J11 PS256 with a longer salt", ps, signPSS(t, 64), "bearer_signature"},
		{"RS256 signature under a PS256 header", ps, swapHeader(t, sign(t, rsaKey(), goodClaims()), "PS256"), "bearer_signature"},
		{"HS256 where only others are allowed", ps, signWith(t, jwt.SigningMethodHS256, []byte("x"), goodClaims()), "bearer_algorithm"},
	} {
		check(t, row.v, row.rule, row.bearer, row.want)
	}
}

// es384OverP256 signs with a P-256 key under the name ES384, which golang-jwt
// would verify.
func es384OverP256(t *testing.T) func(headers ...any) string {
	return func(headers ...any) string {
		t.Helper()
		text := b64([]byte(toJSON(t, goodHeader("ES384").with(headers...)))) + "." + b64([]byte(toJSON(t, goodClaims())))
		hash := sha512.Sum384([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, p256Key(), hash[:])
		if err != nil {
			t.Fatalf("sign: %v", err)
		}
		signature := make([]byte, 96)
		r.FillBytes(signature[:48])
		s.FillBytes(signature[48:])
		return text + "." + b64(signature)
	}
}

func signPSS(t *testing.T, salt int) string {
	t.Helper()
	method := &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: jwt.SigningMethodPS256.SigningMethodRSA, Options: &rsa.PSSOptions{SaltLength: salt},
	}
	if salt == 0 {
		// To crypto/rsa zero means "as long as possible": another wrong one.
		method.Options.SaltLength = rsa.PSSSaltLengthAuto
	}
	return signWith(t, method, rsaKey(), goodClaims())
}

func swapHeader(t *testing.T, bearer, alg string) string {
	t.Helper()
	_, rest, _ := strings.Cut(bearer, ".")
	return b64([]byte(toJSON(t, goodHeader(alg)))) + "." + rest
}

// TestHeaders is J12 to J15, J43 to J45, J50: headers of tokens that are
// correctly signed.
func TestHeaders(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{
		PublicKeyFile: test.WriteFile(t, "file", jwks(t, publicJWK(t, edKey(), "kid", "k1"), publicJWK(t, edOther(), "kid", "k2"))),
	})
	claims := toJSON(t, goodClaims())
	const good = `"alg":"EdDSA","typ":"at+jwt","kid":"k1"`
	for _, row := range []struct{ rule, header, want string }{
		{"the good one", `{` + good + `}`, "ok"},
		{"members nobody knows are ignored (RFC 7515 4)", `{` + good + `,"nonce":"x","ver":[{"a":1}]}`, "ok"},
		{"J44 jku is never fetched, and ignored", `{` + good + `,"jku":"https://evil.example/jwks"}`, "ok"},
		{"J44 x5u likewise", `{` + good + `,"x5u":"file:///etc/passwd"}`, "ok"},
		{"thumbprints likewise", `{` + good + `,"x5t":"AAAA","x5t#S256":"AAAA"}`, "ok"},
		{"J12 crit", `{` + good + `,"crit":["x"],"x":1}`, "bearer_header"},
		{"J13 crit empty", `{` + good + `,"crit":[]}`, "bearer_header"},
		{"crit null is no crit", `{` + good + `,"crit":null}`, "ok"},
		{"crit in another case", `{` + good + `,"CRIT":["x"]}`, "bearer_header"},
		{"J14 b64 false", `{` + good + `,"b64":false,"crit":["b64"]}`, "bearer_header"},
		{"b64 true", `{` + good + `,"b64":true}`, "bearer_header"},
		{"J15 alg twice", `{"alg":"none",` + good + `}`, "bearer_malformed"},
		{"J15 alg twice in two cases", `{"ALG":"none",` + good + `}`, "bearer_malformed"},
		{"only ALG", `{"ALG":"EdDSA","typ":"at+jwt","kid":"k1"}`, "bearer_header"},
		{"only KID, with the Kelvin sign", `{"alg":"EdDSA","typ":"at+jwt","\u212aID":"k1"}`, "bearer_header"},
		{"enc", `{` + good + `,"enc":"A128GCM"}`, "bearer_header"},
		{"J50 zip means nothing in a JWS", `{` + good + `,"zip":"DEF"}`, "ok"},
		{"J50 cty means nothing to claims", `{` + good + `,"cty":"JWT"}`, "ok"},
		{"cty of a kind of claims", `{` + good + `,"cty":"application/json"}`, "ok"},
		{"typ null is none", `{"alg":"EdDSA","typ":null,"kid":"k1"}`, "ok"},
		{"J38 in the header: an unpaired surrogate", `{` + good + `,"x":"\ud800"}`, "bearer_malformed"},
		{"a raw line break in a text", `{` + good + ",\"x\":\"a\nb\"}", "bearer_malformed"},
		{"not an object", `["EdDSA"]`, "bearer_malformed"},
		{"null", `null`, "bearer_malformed"},
		{"text after it", `{` + good + `}x`, "bearer_malformed"},
		{"too deep", `{` + good + `,"x":[[[[1]]]]}`, "bearer_malformed"},
		{"J45 no kid, two keys", `{"alg":"EdDSA","typ":"at+jwt"}`, "bearer_key_ambiguous"},
		{"J45 kid of the other key", `{"alg":"EdDSA","typ":"at+jwt","kid":"k2"}`, "bearer_signature"},
		{"J45 kid in another case", `{"alg":"EdDSA","typ":"at+jwt","kid":"K1"}`, "bearer_key_unknown"},
		{"J45 kid is a path", `{"alg":"EdDSA","typ":"at+jwt","kid":"../../dev/null"}`, "bearer_key_unknown"},
		{"J45 kid is SQL", `{"alg":"EdDSA","typ":"at+jwt","kid":"' OR 1=1--"}`, "bearer_key_unknown"},
		{"J45 kid is a command", `{"alg":"EdDSA","typ":"at+jwt","kid":"|sleep 5"}`, "bearer_key_unknown"},
		{"J45 kid is a template", `{"alg":"EdDSA","typ":"at+jwt","kid":"{{iss}}"}`, "bearer_key_unknown"},
		{"J45 kid empty", `{"alg":"EdDSA","typ":"at+jwt","kid":""}`, "bearer_key_unknown"},
		{"J45 kid 0", `{"alg":"EdDSA","typ":"at+jwt","kid":0}`, "bearer_key_unknown"},
		{"J45 kid null is no kid", `{"alg":"EdDSA","typ":"at+jwt","kid":null}`, "bearer_key_ambiguous"},
		{"J45 kid of 129 bytes", `{"alg":"EdDSA","typ":"at+jwt","kid":"` + strings.Repeat("k", 129) + `"}`, "bearer_key_unknown"},
		{"J45 kid of 64 kB", `{"alg":"EdDSA","typ":"at+jwt","kid":"` + strings.Repeat("k", 64<<10) + `"}`, "bearer_malformed"},
	} {
		check(t, v, row.rule, signText(row.header, claims), row.want)
	}
}

// TestEmbeddedKey is J43: the token brings the key that signed it.
func TestEmbeddedKey(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	for rule, headers := range map[string][]any{
		"J43 jwk":     {"jwk", publicJWK(t, edOther())},
		"J43 x5c":     {"x5c", []string{b64(certificate(t, edOther()))}},
		"J43 jwk set": {"jwk", object{"keys": []object{publicJWK(t, edOther())}}},
	} {
		check(t, v, rule, sign(t, edOther(), goodClaims(), headers...), "bearer_header")
	}
}

// TestShapes is J20 to J27 and J48: every form except that of a token.
func TestShapes(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	good := sign(t, edKey(), goodClaims())
	parts := strings.Split(good, ".")
	last := good[len(good)-1]
	for _, row := range []struct{ rule, bearer string }{
		{"empty", ""},
		{"two points", ".."},
		{"J20 line break inside the signature", good[:len(good)-5] + "\n" + good[len(good)-5:]},
		{"J21 line break at the end", good + "\n"},
		{"J22 CRLF in the payload", parts[0] + "." + parts[1][:8] + "\r\n" + parts[1][8:] + "." + parts[2]},
		{"line break in the header", parts[0][:4] + "\n" + parts[0][4:] + "." + parts[1] + "." + parts[2]},
		{"J23 padding", good + "=="},
		{"J24 standard alphabet", parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:]},
		{"J25 spare bits of the last character", good[:len(good)-1] + string(last+1)},
		{"J26 one segment", parts[0]},
		{"J26 two segments", parts[0] + "." + parts[1]},
		{"J26 four segments", good + ".AAAA"},
		{"J26 five segments, a JWE", good + ".AAAA.AAAA"},
		{"J26 1 MiB of points", strings.Repeat(".", 1<<20)},
		{"J26 8 KiB of points", strings.Repeat(".", 8<<10)},
		{"J27 8 MiB payload", parts[0] + "." + strings.Repeat("A", 8<<20) + "." + parts[2]},
		{"J27 one byte over the bound", good + strings.Repeat("A", 8<<10+1-len(good))},
		{"white space around it", " " + good},
		{"full-width letters", "ｅ" + good},
		{"NUL at the end", good + "\x00"},
		{"invalid UTF-8", "\xff" + good},
		{"J48 JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"J48 flattened and general mixed", `{"signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`},
		{"empty payload", parts[0] + ".." + parts[2]},
		{"empty header", "." + parts[1] + "." + parts[2]},
		{"the scheme in front", "Bearer " + good},
	} {
		check(t, v, row.rule, row.bearer, "bearer_malformed")
	}
}

// TestSignatureBeforeClaims: a refusal names a fault of a claim only if the
// signature is good (RFC 8725 3.2).
func TestSignatureBeforeClaims(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	for rule, claims := range map[string]object{
		"expired":            goodClaims().with("exp", 1),
		"not yet valid":      goodClaims().with("nbf", now.Add(time.Hour).Unix()),
		"another audience":   goodClaims().with("aud", "other"),
		"no subject":         goodClaims().with("sub", nil),
		"bound":              goodClaims().with("cnf", object{}),
		"an ID token":        goodClaims().with("at_hash", "AAAA"),
		"lives for too long": goodClaims().with("exp", 99999999999),
	} {
		check(t, v, rule+", signed by somebody else", sign(t, edOther(), claims), "bearer_signature")
	}
}

// TestDepth is J27 and J49, signed correctly.
func TestDepth(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	good := toJSON(t, goodClaims())
	deep := func(open, shut string, n int) string {
		return good[:len(good)-1] + `,"x":` + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) + "}"
	}
	for _, row := range []struct{ rule, claims, want string }{
		{"seven arrays in a claim", deep("[", "]", 7), "ok"},
		{"J27 eight arrays in a claim", deep("[", "]", 8), "bearer_malformed"},
		{"J27 a thousand objects", deep(`{"a":`, "}", 1000), "bearer_malformed"},
		{"J27 200 000 arrays", deep("[", "]", 200_000), "bearer_malformed"},
		{"J27 9 000 objects", deep(`{"a":`, "}", 9000), "bearer_malformed"},
		{"J49 an array", `[]`, "bearer_malformed"},
		{"J49 null", `null`, "bearer_malformed"},
		{"J49 a text", `"x"`, "bearer_malformed"},
		{"J49 two objects", good + `{"sub":"admin"}`, "bearer_malformed"},
		{"J50 a token in a token", `"` + signText(`{"alg":"EdDSA"}`, good) + `"`, "bearer_malformed"},
		{"empty object", `{}`, "bearer_issuer"},
	} {
		check(t, v, row.rule, signText(`{"alg":"EdDSA","typ":"at+jwt"}`, row.claims), row.want)
	}
}
