package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/auth"
	"wsticket/internal/test"
)

// badJWKs are keys that no source may yield: S9, and R31 and R37 of the
// design. Each is refused in a file and left out of a remote set.
func badJWKs(t *testing.T) map[string]object {
	t.Helper()
	r, ec, ed := publicJWK(t, rsaKey()), publicJWK(t, p256Key()), publicJWK(t, edKey())
	x := ec["x"].(string) //nolint:errcheck // publicJWK writes a text
	huge := new(big.Int).Lsh(big.NewInt(1), 8192)
	huge.SetBit(huge, 0, 1)
	even := new(big.Int).Sub(rsaKey().N, big.NewInt(1))
	return map[string]object{
		"private RSA key":                r.with("d", "AQAB"),
		"private EC key":                 ec.with("d", x),
		"private Ed25519 key":            ed.with("d", x),
		"RSA key with a prime":           r.with("p", "AQAB"),
		"symmetric key":                  {"kty": "oct", "k": x},
		"symmetric key in disguise":      ed.with("k", x),
		"RSA of 1024 bits":               publicJWK(t, test.RSAKey(1024)),
		"RSA of 8193 bits":               r.with("n", b64(huge.Bytes())),
		"RSA with an even modulus":       r.with("n", b64(even.Bytes())),
		"RSA e = 1":                      r.with("e", "AQ"),
		"RSA e = 3":                      r.with("e", "Aw"),
		"RSA e = 65536":                  r.with("e", "AQAA"),
		"RSA e = 65538, even":            r.with("e", "AQAC"),
		"RSA e = 2^32 + 1":               r.with("e", "AQAAAAE"),
		"RSA e = 2^64 + 65537":           r.with("e", "AQAAAAAAAQAB"),
		"RSA without n":                  r.with("n", nil),
		"RSA without e":                  r.with("e", nil),
		"RSA n is a number":              r.with("n", 5),
		"EC point off the curve":         ec.with("y", x),
		"EC point at zero":               ec.with("x", strings.Repeat("A", 43), "y", strings.Repeat("A", 43)),
		"EC on another curve":            ec.with("crv", "P-384"),
		"EC on a curve that is not ours": ec.with("crv", "secp256k1"),
		"EC coordinate too short":        ec.with("x", x[:40]),
		"EC coordinate with a leading 0": ec.with("x", "AAAA"+x[:40]),
		"a line break inside base64url":  ec.with("x", x[:8]+"\n"+x[8:]),
		"padding after base64url":        ec.with("x", x+"="),
		"Ed25519 of 31 bytes":            ed.with("x", b64(make([]byte, 31))),
		"X25519":                         ed.with("crv", "X25519"),
		"kty in the wrong case":          r.with("kty", "rsa"),
		"kty absent":                     r.with("kty", nil),
		"kty and crv that do not go":     ec.with("kty", "OKP"),
		"use enc":                        r.with("use", "enc"),
		"use is not a text":              r.with("use", []string{"sig"}),
		"key_ops sign":                   r.with("key_ops", []string{"sign"}),
		"key_ops is a text":              r.with("key_ops", "verify"),
		"alg for encryption":             r.with("alg", "RSA-OAEP"),
		"alg unknown":                    ec.with("alg", "ES256K"),
		"alg of another type of key":     ec.with("alg", "RS256"),
		"alg of another curve":           ec.with("alg", "ES384"),
		"alg of a secret":                r.with("alg", "HS256"),
		"alg none":                       r.with("alg", "none"),
		"alg is not a text":              r.with("alg", 5),
		"kid is a number":                r.with("kid", 5),
		"kid of 129 bytes":               r.with("kid", strings.Repeat("k", 129)),
		"a key from a broken generator":  r.with("n", b64(rocaModulus().Bytes())),
		"EC without y":                   ec.with("y", nil),
	}
}

// rocaModulus looks like a modulus of CVE-2017-15361: it is a power of 65537
// modulo each small prime.
func rocaModulus() *big.Int {
	product := big.NewInt(2)
	for p := int64(3); p <= 167; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			product.Mul(product, big.NewInt(p))
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(12345), product)
	for n.BitLen() < 2048 {
		product.Lsh(product, 1)
		n.Add(n, product)
	}
	return n
}

func TestBadKeyFiles(t *testing.T) {
	t.Parallel()
	good := publicJWK(t, rsaKey())
	files := map[string]string{
		"empty":                       "",
		"secret-marker text":          "secret-marker",
		"RSA of 1024 bits in PEM":     test.PublicPEM(test.RSAKey(1024)),
		"P-224 in PEM":                test.PublicPEM(test.ECKey(elliptic.P224())),
		"private key in PEM":          test.PrivatePEM(edKey()),
		"PKCS #1 private key":         test.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())),
		"broken PEM":                  test.PEM("PUBLIC KEY", []byte("secret-marker")),
		"a second block that is cut":  test.PublicPEM(rsaKey()) + "-----BEGIN PUBLIC KEY-----\nsecret-marker",
		"a first block that is cut":   "-----BEGIN PUBLIC KEY-----\n%\n-----END PUBLIC KEY-----\n" + test.PublicPEM(rsaKey()),
		"broken certificate":          test.PEM("CERTIFICATE", []byte("secret-marker")),
		"broken PKCS #1":              test.PEM("RSA PUBLIC KEY", []byte("secret-marker")),
		"another kind of PEM":         test.PEM("SECRET-MARKER", []byte("x")),
		"larger than 1 MiB":           strings.Repeat(" ", 1<<20) + toJSON(t, good),
		"JSON that is no key":         `{"secret-marker":1}`,
		"a key with a name twice":     toJSON(t, good)[:1] + `"kid":"a","kid":"b",` + toJSON(t, good)[1:],
		"an empty set":                `{"keys":[]}`,
		"keys is not a list":          `{"keys":{"secret-marker":1}}`,
		"a key that is not an object": `{"keys":["secret-marker"]}`,
		"two keys of one name":        jwks(t, good.with("kid", "a"), publicJWK(t, rsaOther(), "kid", "a")),
	}
	for rule, key := range badJWKs(t) {
		files["JWK: "+rule] = toJSON(t, key)
	}
	for rule, content := range files {
		refusesIssuer(t, rule, auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "file", content)}, "auth: Issuers[0].PublicKeyFile: ")
	}
	for rule, row := range map[string]struct{ content, want string }{
		"by its kid":      {jwks(t, good, publicJWK(t, rsaOther(), "kid", "k2", "e", "Aw")), `key "k2": RSA exponent`},
		"by its position": {jwks(t, good, publicJWK(t, rsaOther(), "d", "AQAB")), "key 2: holds a private"},
		"a clash":         {jwks(t, good.with("kid", "a"), publicJWK(t, rsaOther(), "kid", "a")), `key "a": another key has the same kid`},
		"for encryption":  {jwks(t, good.with("use", "enc")), "no usable key: key 1: not for signatures"},
	} {
		refusesIssuer(t, "named "+rule, auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "file", row.content)}, "PublicKeyFile: "+row.want)
	}
	refusesIssuer(t, "missing", auth.IssuerOptions{PublicKeyFile: filepath.Join(t.TempDir(), "x")}, "PublicKeyFile: no such file")
	refusesIssuer(t, "a folder", auth.IssuerOptions{PublicKeyFile: t.TempDir()}, "PublicKeyFile: is a folder")
}

func TestBadGoKeys(t *testing.T) {
	t.Parallel()
	for rule, key := range map[string]crypto.PublicKey{
		"nil":              nil,
		"a secret":         []byte("0123456789abcdef0123456789abcdef"),
		"a private key":    rsaKey(),
		"a key by value":   rsaKey().PublicKey,
		"RSA of 1024 bits": test.RSAKey(1024).Public(),
		"RSA e = 3":        &rsa.PublicKey{N: rsaKey().N, E: 3},
		"P-224":            test.ECKey(elliptic.P224()).Public(),
		"no curve":         &ecdsa.PublicKey{},
		"off the curve":    &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, //nolint:staticcheck // SA1019: there is no other way to a wrong one
		"no modulus":       &rsa.PublicKey{E: 65537},
		"no RSA key":       (*rsa.PublicKey)(nil),
		"no EC key":        (*ecdsa.PublicKey)(nil),
		"Ed25519, cut":     ed25519.PublicKey(make([]byte, 31)),
	} {
		refusesIssuer(t, rule, auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public(), key}}, "Issuers[0].Keys: key 2: ")
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery staple, 32b"
	for rule, content := range map[string]string{
		"as it is": secret, "with a line break": secret + "\n", "with CRLF": secret + "\r\n",
	} {
		v := newVerifier(t, auth.IssuerOptions{HMACSecretFile: test.WriteFile(t, "file", content)})
		check(t, v, rule, sign(t, []byte(secret), goodClaims(), "kid", "any"), "ok")
	}
	pemText := "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
	for _, row := range []struct {
		rule, content string
		algorithms    []string
		want          string
	}{
		{"J6 empty", "", nil, "the file is empty"},
		{"J6 only a line break", "\n", nil, "holds fewer than 8 different bytes"},
		{"31 bytes for HS256", "0123456789abcdef0123456789abcde", nil, "HS256 needs a secret of at least 32 bytes (got 31)"},
		{"47 bytes for HS384", strings.Repeat("0123456789a", 5)[:47], []string{"HS384"}, "HS384 needs a secret of at least 48 bytes (got 47)"},
		{"32 bytes for HS512 too", "0123456789abcdef0123456789abcdef", []string{"HS256", "HS512"}, "HS512 needs a secret of at least 64 bytes (got 32)"},
		{"a repeated character", strings.Repeat("x", 64), nil, "holds fewer than 8 different bytes"},
		{"seven characters in turn", strings.Repeat("1234567", 10), nil, "holds fewer than 8 different bytes"},
		{"J7 the example of jwt.io", "a-string-secret-at-least-256-bits-long", nil, "is an example from public documentation"},
		{"J7 the default of a well-known stack", "super-secret-jwt-token-with-at-least-32-characters-long\n", nil, "is an example from public documentation"},
		{"J5 a public key", pemText, nil, "is a PEM file"},
	} {
		refusesIssuer(t, row.rule, auth.IssuerOptions{
			HMACSecretFile: test.WriteFile(t, "file", row.content), Algorithms: row.algorithms,
		}, "Issuers[0].HMACSecretFile: "+row.want)
	}
	refusesIssuer(t, "missing", auth.IssuerOptions{HMACSecretFile: "/nonexistent"}, "HMACSecretFile: no such file")
	if os.Geteuid() != 0 {
		path := test.WriteFile(t, "file", secret)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatalf("chmod: %v", err)
		}
		refusesIssuer(t, "unreadable", auth.IssuerOptions{HMACSecretFile: path}, "HMACSecretFile: permission denied")
	}
}

// refusesIssuer fails if New accepts the issuer, where its error does not
// say what is wanted, or where it quotes a marker of the input.
func refusesIssuer(t *testing.T, rule string, issuer auth.IssuerOptions, want string) {
	t.Helper()
	issuer.Issuer, issuer.Audience = issuerName, []string{audience}
	_, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{issuer}})
	if err == nil {
		t.Errorf("%s: got no error, want one with %q", rule, want)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %q, want %q in it", rule, err, want)
	}
	if strings.Contains(strings.ToLower(err.Error()), "secret-marker") {
		t.Errorf("%s: error %q quotes the file", rule, err)
	}
}
