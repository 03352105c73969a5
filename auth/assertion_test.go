package auth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/ticket"
)

// privatePEM is a private key as openssl genpkey writes it (PKCS #8).
func privatePEM(t testing.TB, key any) string {
	t.Helper()
	data, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: data}))
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	data, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: data}))
}

const publicURL = "https://api.example.com"

// asserter is a Forwarder with a key file of that text.
func asserter(t testing.TB, text string) *auth.Forwarder {
	t.Helper()
	return newForwarder(t, auth.ForwarderOptions{
		AssertionKeyFile: writeFile(t, text), AssertionAudience: "app", Issuer: publicURL,
	})
}

// published are the public keys of a set by kid, read by other code than that
// which wrote them.
func published(t testing.TB, set []byte) map[string]any {
	t.Helper()
	public, err := auth.ParseSet(set)
	if err != nil {
		t.Fatalf("key set %s: %v", set, err)
	}
	var document struct{ Keys []object }
	if err := json.Unmarshal(set, &document); err != nil || len(document.Keys) != len(public) {
		t.Fatalf("key set %s: %v", set, err)
	}
	keys := make(map[string]any)
	for n, k := range document.Keys {
		kid, _ := k["kid"].(string)
		keys[kid] = public[n]
	}
	return keys
}

// verify reads an assertion as an application would.
func verify(t testing.TB, f *auth.Forwarder, text string) (*jwt.Token, jwt.MapClaims, error) {
	t.Helper()
	keys, claims := published(t, f.KeySet()), jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		return keys[kid], nil
	}, jwt.WithValidMethods([]string{"ES256", "EdDSA"}), jwt.WithIssuer(publicURL), jwt.WithAudience("app"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(clock))
	return token, claims, err
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	for alg, key := range map[string]crypto.Signer{"ES256": p256Key(), "EdDSA": edKey()} {
		f := asserter(t, privatePEM(t, key))
		text := mustHeaders(t, f, grant(nil)).Get("X-Wsticket-Assertion")
		token, got, err := verify(t, f, text)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if token.Header["typ"] != "wsticket-assertion+jwt" || token.Header["alg"] != alg || len(token.Header) != 3 {
			t.Errorf("%s: got header %v", alg, token.Header)
		}
		want := jwt.MapClaims{
			"iss": publicURL, "orig_iss": issuerName, "sub": "u-1", "aud": "app", "jti": "4B8xiXBODIlsV0VSjvtzly",
			"iat": float64(now.Unix()), "exp": float64(now.Unix() + 60), "sid": "s-1", "scope": "chat.read",
			"email": "a@example.com", "groups": []any{"admins", "users"}, "preferred_username": "alice", "name": "Alice",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v\nwant %v", alg, got, want)
		}
	}
}

// TestAssertionClaims: what an identity brings along cannot take the place of
// what the assertion says.
func TestAssertionClaims(t *testing.T) {
	t.Parallel()
	f := asserter(t, privatePEM(t, edKey()))
	text := mustHeaders(t, f, grant(func(g *ticket.Grant) {
		g.Identity.SessionID, g.Scope = "", ""
		g.Identity.Claims = map[string]any{
			"iss": "x", "orig_iss": "x", "sub": "admin", "aud": "other", "jti": "x", "iat": 1.0, "exp": 9e9, "nbf": 9e9,
			"sid": "x", "scope": "all", "cnf": map[string]any{}, "groups": []any{}, "tenant": "t",
		}
	})).Get("X-Wsticket-Assertion")
	_, got, err := verify(t, f, text)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(got))
	if want := []string{"aud", "exp", "groups", "iat", "iss", "jti", "orig_iss", "sub", "tenant"}; !slices.Equal(names, want) {
		t.Errorf("got claims %q, want %q", names, want)
	}
	if got["sub"] != "u-1" || got["iss"] != publicURL || got["aud"] != "app" || fmt.Sprint(got["groups"]) != "[]" {
		t.Errorf("got %v", got)
	}
	large := grant(func(g *ticket.Grant) { g.Identity.Claims["c"] = strings.Repeat("a", 8<<10) })
	if _, err := f.Headers(large); ticket.Reason(err) != "identity_too_large" {
		t.Errorf("over 8 KiB: got %v, want identity_too_large", err)
	}
}

// TestAssertionIsNoBearer: where the service itself were an issuer, its
// assertion would have the wrong type.
func TestAssertionIsNoBearer(t *testing.T) {
	t.Parallel()
	f := asserter(t, privatePEM(t, edKey()))
	v := newVerifier(t, auth.IssuerOptions{Issuer: publicURL, Audience: []string{"app"}, Keys: []crypto.PublicKey{edKey().Public()}})
	text := mustHeaders(t, f, grant(nil)).Get("X-Wsticket-Assertion")
	check(t, v, "an assertion", text, "bearer_type")
}

// TestAssertionRotation: the first key signs, and both are published, so that
// an application may know a key before and after it signs.
func TestAssertionRotation(t *testing.T) {
	t.Parallel()
	before, after := privatePEM(t, edKey()), privatePEM(t, p256Key())
	steps := []*auth.Forwarder{asserter(t, before), asserter(t, before+after), asserter(t, after+before), asserter(t, after)}
	texts := make([]string, len(steps))
	for n, f := range steps {
		texts[n] = mustHeaders(t, f, grant(nil)).Get("X-Wsticket-Assertion")
	}
	for n, f := range steps {
		if want := []int{1, 2, 2, 1}[n]; len(published(t, f.KeySet())) != want {
			t.Errorf("step %d: got %s, want %d keys", n, f.KeySet(), want)
		}
		// Each step's set knows what the step before and the step after sign.
		for m := max(n-1, 0); m <= min(n+1, len(steps)-1); m++ {
			if _, _, err := verify(t, f, texts[m]); err != nil {
				t.Errorf("set of step %d, assertion of step %d: %v", n, m, err)
			}
		}
	}
	if _, _, err := verify(t, steps[3], texts[0]); err == nil {
		t.Error("the last set knows the first key")
	}
}

// TestKeySet: the thumbprint of RFC 8037 A.3, and nothing private.
func TestKeySet(t *testing.T) {
	t.Parallel()
	seed := unb64(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	f := asserter(t, privatePEM(t, ed25519.NewKeyFromSeed(seed))+privatePEM(t, p256Key()))
	const want = `{"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","kty":"OKP","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},`
	if got := string(f.KeySet()); !strings.HasPrefix(got, want) {
		t.Errorf("got %s\nwant %s…", got, want)
	}
	if got := string(f.KeySet()); strings.Contains(got, `"d"`) || !strings.Contains(got, `"alg":"ES256","crv":"P-256"`) {
		t.Errorf("got %s", got)
	}
	f.KeySet()[0] = 'x'
	if f.KeySet()[0] != '{' {
		t.Error("KeySet returned the same bytes twice")
	}
	if shown := fmt.Sprintf("%v %+v %#v", f, f, f); strings.Contains(shown, strings.Trim(fmt.Sprint([8]byte(seed)), "[]")) {
		t.Errorf("fmt shows the key: %s", shown)
	}
}

func TestAssertionKeyFiles(t *testing.T) {
	t.Parallel()
	sec1, err := x509.MarshalECPrivateKey(p256Key())
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())})
	ec := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	good := privatePEM(t, edKey())
	const notKey, notFile = "must be an unencrypted private key, ECDSA on P-256 or Ed25519", "not one or two private keys in PEM"
	for _, row := range []struct{ rule, text, want string }{
		{"PKCS #8", good, ""},
		{"SEC 1", ec, ""},
		{"what openssl ecparam -genkey writes", parameters + ec, ""},
		{"text around it", "# rotated in May\n" + good + "\n", ""},
		{"two", good + privatePEM(t, p256Key()), ""},
		{"three", good + privatePEM(t, p256Key()) + privatePEM(t, newEd()), notFile},
		{"one twice", good + good, "holds one key twice"},
		{"one twice in two forms", privatePEM(t, p256Key()) + ec, "holds one key twice"},
		{"nothing", "", notFile},
		{"no PEM", "secret", notFile},
		{"half a second one", good + "-----BEGIN PRIVATE KEY-----\nMC4C", notFile},
		{"a public key", publicPEM(t, edKey()), "key 1: " + notKey},
		{"a public key behind it", good + publicPEM(t, edOther()), "key 2: " + notKey},
		{"a certificate", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t, edKey())})), "key 1: " + notKey},
		{"RSA", privatePEM(t, rsaKey()), "key 1: " + notKey},
		{"RSA in PKCS #1", string(pkcs1), "key 1: " + notKey},
		{"another curve", privatePEM(t, newEC(elliptic.P384())), "key 1: " + notKey},
		{"encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4C\n-----END ENCRYPTED PRIVATE KEY-----\n", "key 1: " + notKey},
		{"garbage in PEM", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", "key 1: " + notKey},
		{"over 1 MiB", good + strings.Repeat(" ", 1<<20), "larger than 1 MiB"},
	} {
		o := auth.ForwarderOptions{AssertionKeyFile: writeFile(t, row.text), AssertionAudience: "app", Issuer: publicURL}
		_, err := auth.NewForwarder(o)
		public, errPublic := auth.AssertionKeys(o.AssertionKeyFile)
		if row.want == "" {
			if err != nil || errPublic != nil || len(public) == 0 {
				t.Errorf("%s: got %v, %v, want keys", row.rule, err, errPublic)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.want) || errPublic == nil || errPublic.Error() != err.Error() {
			t.Errorf("%s: got %v, %v, want %q", row.rule, err, errPublic, row.want)
		}
	}
}

// TestAssertionKeyOfAnIssuer: a key that bearers are verified with would make
// an assertion a bearer, and the other way round.
func TestAssertionKeyOfAnIssuer(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, p256Key(), "kid", "a")))
	static := mustNew(t, auth.Options{Now: clock, Issuers: []auth.IssuerOptions{
		{Issuer: "https://a.example.com", Keys: []crypto.PublicKey{rsaKey().Public()}},
		{Issuer: "https://b.example.com", PublicKeyFile: writeFile(t, publicPEM(t, edKey()))},
		{Issuer: "https://c.example.com", HMACSecretFile: writeFile(t, strings.Repeat("s3cret-0123456789", 3))},
	}})
	for _, row := range []struct {
		rule     string
		verifier *auth.Verifier
		text     string
		good     bool
	}{
		{"an issuer's", static, privatePEM(t, edKey()), false},
		{"an issuer's as the second", static, privatePEM(t, edOther()) + privatePEM(t, edKey()), false},
		{"an issuer's behind a URL", server.verifier(t, "ES256"), privatePEM(t, p256Key()), false},
		{"nobody else's", static, privatePEM(t, p256Key()), true},
		{"not compared", nil, privatePEM(t, edKey()), true},
	} {
		_, err := auth.NewForwarder(auth.ForwarderOptions{
			AssertionKeyFile: writeFile(t, row.text), AssertionAudience: "app", Issuer: publicURL, Verifier: row.verifier,
		})
		if (err == nil) != row.good || err != nil && !strings.Contains(err.Error(), "is an issuer's") {
			t.Errorf("%s: got %v, want accepted: %v", row.rule, err, row.good)
		}
	}
}

// TestAssertionKeyUnreadable: the error names the file and nothing in it.
func TestAssertionKeyUnreadable(t *testing.T) {
	t.Parallel()
	_, err := auth.AssertionKeys(t.TempDir() + "/gone")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want it not to exist", err)
	}
}

// BenchmarkForward measures what a connection costs: the headers alone, and
// with an assertion, which is signed for each.
func BenchmarkForward(b *testing.B) {
	for _, row := range []struct {
		name string
		key  crypto.Signer
	}{{"headers", nil}, {"ES256", p256Key()}, {"EdDSA", edKey()}} {
		b.Run(row.name, func(b *testing.B) {
			o := auth.ForwarderOptions{Headers: preset(b, "x-auth-request"), Now: time.Now}
			if row.key != nil {
				o.AssertionKeyFile, o.AssertionAudience, o.Issuer = writeFile(b, privatePEM(b, row.key)), "app", publicURL
			}
			f, g := newForwarder(b, o), grant(nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Headers(g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
