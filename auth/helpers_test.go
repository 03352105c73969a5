package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
)

const (
	issuerName = test.Issuer
	audience   = "ws"
)

// now is the time at which bearers are presented, in tests in which time does
// not pass.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// Keys are slow to make; each kind is made once.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return test.RSAKey(2048) })
	rsaOther = sync.OnceValue(func() *rsa.PrivateKey { return test.RSAKey(2048) })
	p256Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return test.ECKey(elliptic.P256()) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return test.ECKey(elliptic.P384()) })
	p521Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return test.ECKey(elliptic.P521()) })
	edKey    = sync.OnceValue(test.EdKey)
	edOther  = sync.OnceValue(test.EdKey)
)

// newVerifier returns a Verifier for one issuer at the time now, which has
// started. The options need no more than a source of keys.
func newVerifier(t testing.TB, issuer auth.IssuerOptions) *auth.Verifier {
	t.Helper()
	return mustNew(t, auth.Options{Issuers: []auth.IssuerOptions{issuer}, Now: clock})
}

func mustNew(t testing.TB, o auth.Options) *auth.Verifier {
	t.Helper()
	for i := range o.Issuers {
		if o.Issuers[i].Issuer == "" {
			o.Issuers[i].Issuer = issuerName
		}
		if o.Issuers[i].Audience == nil {
			o.Issuers[i].Audience = []string{audience}
		}
	}
	v, err := auth.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(v.Close)
	if err := v.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return v
}

// edVerifier accepts what [sign] signs with [edKey].
func edVerifier(t testing.TB) *auth.Verifier {
	t.Helper()
	return newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{edKey().Public()}})
}

// object is a JSON object in a test.
type object map[string]any

// with returns a copy in which values replace others; nil takes one out.
func (o object) with(pairs ...any) object {
	out := maps.Clone(o)
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		out[name] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(out, name)
		}
	}
	return out
}

// goodClaims are accepted by every issuer of these tests.
func goodClaims() object {
	return object{
		"iss": issuerName, "sub": "u-1", "aud": audience,
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "t-1",
	}
}

func goodHeader(alg string) object { return object{"alg": alg, "typ": "at+jwt"} }

// sign signs claims with golang-jwt, with the algorithm that the key has by
// default.
func sign(t testing.TB, key any, claims object, headers ...any) string {
	t.Helper()
	var method jwt.SigningMethod
	switch key := key.(type) {
	case *rsa.PrivateKey:
		method = jwt.SigningMethodRS256
	case *ecdsa.PrivateKey:
		method = map[string]jwt.SigningMethod{
			"P-256": jwt.SigningMethodES256, "P-384": jwt.SigningMethodES384, "P-521": jwt.SigningMethodES512,
		}[key.Params().Name]
	case ed25519.PrivateKey:
		method = jwt.SigningMethodEdDSA
	case []byte:
		method = jwt.SigningMethodHS256
	}
	return signWith(t, method, key, claims, headers...)
}

func signWith(t testing.TB, method jwt.SigningMethod, key any, claims object, headers ...any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	token.Header = goodHeader(method.Alg()).with(headers...)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return text
}

// signText signs a header and claims that are written by hand, with EdDSA.
func signText(header, claims string) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(ed25519.Sign(edKey(), []byte(text)))
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func unb64(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return data
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(text)
}

// authenticator is a Verifier or a Sessions.
type authenticator interface {
	Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error)
}

// check authenticates and compares the reason with want, which is "ok" for
// acceptance. It also checks what holds for every error: a sentinel, a listed
// reason, nothing of the bearer.
func check(t testing.TB, a authenticator, rule, bearer, want string) ticket.Identity {
	t.Helper()
	identity, err := a.Authenticate(t.Context(), ticket.NewBearer(bearer))
	if got := ticket.Reason(err); got != want {
		t.Errorf("%s: got %s, want %s", rule, got, want)
	}
	if err == nil {
		return identity
	}
	if identity.Subject != "" || identity.Issuer != "" {
		t.Errorf("%s: got an identity together with an error", rule)
	}
	if errors.Is(err, ticket.ErrInvalidBearer) == errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("%s: %v wraps neither or both of ErrInvalidBearer and ErrUnavailable", rule, err)
	}
	if !slices.Contains(auth.Reasons(), ticket.Reason(err)) {
		t.Errorf("%s: %q is not one of Reasons", rule, ticket.Reason(err))
	}
	holdsNothingOf(t, rule, err, bearer)
	return identity
}

// holdsNothingOf fails if the error holds eight characters in a row of a
// bearer.
func holdsNothingOf(t testing.TB, rule string, err error, bearer string) {
	t.Helper()
	const size = 8
	for i := 0; i+size <= min(len(bearer), 2000); i++ {
		if part := bearer[i : i+size]; strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %q quotes the bearer (%q)", rule, err, part)
			return
		}
	}
}

// publicJWK is the JWK of a public key; pairs are added to it.
func publicJWK(t testing.TB, private crypto.Signer, pairs ...any) object {
	t.Helper()
	var k object
	switch public := private.Public().(type) {
	case *rsa.PublicKey:
		k = object{"kty": "RSA", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatalf("encode point: %v", err)
		}
		size := len(point) / 2
		k = object{"kty": "EC", "crv": public.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case ed25519.PublicKey:
		k = object{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}
	default:
		t.Fatalf("no JWK for %T", public)
	}
	return k.with(pairs...)
}

// jwks is a JWK set as it comes over the wire.
func jwks(t testing.TB, keys ...object) string {
	t.Helper()
	if keys == nil {
		keys = []object{}
	}
	return toJSON(t, object{"keys": keys})
}

// certificate is one in DER, expired long ago.
func certificate(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	data, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("make certificate: %v", err)
	}
	return data
}

// fetchCounts returns the fetches of all issuers by outcome, without those that
// did not happen.
func fetchCounts(v *auth.Verifier) map[string]uint64 {
	counts := make(map[string]uint64)
	for _, outcomes := range v.Stats().KeyFetches {
		for outcome, n := range outcomes {
			if n > 0 {
				counts[outcome] += n
			}
		}
	}
	return counts
}
