package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/identity"
	"wsticket/internal/test"
	"wsticket/ticket"
)

const publicURL = "https://api.example.com"

// asserter is a Forwarder with a key file of that text.
func asserter(t testing.TB, text string) *identity.Forwarder {
	t.Helper()
	return mustNew(t, identity.Options{
		AssertionKeyFile: test.WriteFile(t, "file", text), AssertionAudience: "app", Issuer: publicURL,
	})
}

// published returns the public keys of a set by kid.
func published(t testing.TB, set []byte) map[string]any {
	t.Helper()
	var document struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if err := json.Unmarshal(set, &document); err != nil {
		t.Fatalf("key set %s: %v", set, err)
	}
	keys := make(map[string]any)
	for _, k := range document.Keys {
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil {
			t.Fatalf("key set %s: %v, %v", set, errX, errY)
		}
		if k.Kty == "OKP" {
			keys[k.Kid] = ed25519.PublicKey(x)
			continue
		}
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			t.Fatalf("key set %s: %v", set, err)
		}
		keys[k.Kid] = public
	}
	return keys
}

// verify reads an assertion as an application would.
func verify(t testing.TB, f *identity.Forwarder, text string) (*jwt.Token, jwt.MapClaims, error) {
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
		f := asserter(t, test.PrivatePEM(key))
		text := mustHeaders(t, f, grant(nil)).Get("X-Wsticket-Assertion")
		token, got, err := verify(t, f, text)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if token.Header["typ"] != "wsticket-assertion+jwt" || token.Header["alg"] != alg || len(token.Header) != 3 {
			t.Errorf("%s: got header %v", alg, token.Header)
		}
		want := jwt.MapClaims{
			"iss": publicURL, "orig_iss": test.Issuer, "sub": "u-1", "aud": "app", "jti": "4B8xiXBODIlsV0VSjvtzly",
			"iat": float64(now.Unix()), "exp": float64(now.Unix() + 60), "sid": "s-1", "scope": "chat.read",
			"email": "a@example.com", "groups": []any{"admins", "users"}, "preferred_username": "alice", "name": "Alice",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v\nwant %v", alg, got, want)
		}
	}
}

// TestAssertionClaims: claims of an identity cannot replace those of the
// assertion.
func TestAssertionClaims(t *testing.T) {
	t.Parallel()
	f := asserter(t, test.PrivatePEM(edKey()))
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

// TestAssertionRotation: the first key signs, and both are published, so that
// an application may know a key before and after it signs.
func TestAssertionRotation(t *testing.T) {
	t.Parallel()
	before, after := test.PrivatePEM(edKey()), test.PrivatePEM(p256Key())
	steps := []*identity.Forwarder{asserter(t, before), asserter(t, before+after), asserter(t, after+before), asserter(t, after)}
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
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	f := asserter(t, test.PrivatePEM(ed25519.NewKeyFromSeed(seed))+test.PrivatePEM(p256Key()))
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
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, edKey().Public(), edKey())
	if err != nil {
		t.Fatal(err)
	}
	ec := test.PEM("EC PRIVATE KEY", sec1)
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	good := test.PrivatePEM(edKey())
	const notKey, notFile = "must be an unencrypted private key, ECDSA on P-256 or Ed25519", "must hold one or two private keys in PEM"
	for _, row := range []struct{ rule, text, want string }{
		{"PKCS #8", good, ""},
		{"SEC 1", ec, ""},
		{"what openssl ecparam -genkey writes", parameters + ec, ""},
		{"text around it", "# rotated in May\n" + good + "\n", ""},
		{"two", good + test.PrivatePEM(p256Key()), ""},
		{"three", good + test.PrivatePEM(p256Key()) + test.PrivatePEM(test.EdKey()), notFile},
		{"one twice", good + good, "must not hold one key twice"},
		{"one twice in two forms", test.PrivatePEM(p256Key()) + ec, "must not hold one key twice"},
		{"nothing", "", "the file is empty"},
		{"no PEM", "secret", notFile},
		{"half a second one", good + "-----BEGIN PRIVATE KEY-----\nMC4C", notFile},
		{"a public key", test.PublicPEM(edKey()), "key 1: " + notKey},
		{"a public key behind it", good + test.PublicPEM(edOther()), "key 2: " + notKey},
		{"a certificate", test.PEM("CERTIFICATE", certificate), "key 1: " + notKey},
		{"RSA", test.PrivatePEM(rsaKey), "key 1: " + notKey},
		{"RSA in PKCS #1", test.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "key 1: " + notKey},
		{"another curve", test.PrivatePEM(test.ECKey(elliptic.P384())), "key 1: " + notKey},
		{"encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4C\n-----END ENCRYPTED PRIVATE KEY-----\n", "key 1: " + notKey},
		{"garbage in PEM", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", "key 1: " + notKey},
		{"over 1 MiB", good + strings.Repeat(" ", 1<<20), "larger than 1 MiB"},
	} {
		o := identity.Options{AssertionKeyFile: test.WriteFile(t, "file", row.text), AssertionAudience: "app", Issuer: publicURL}
		_, err := identity.New(o)
		public, errPublic := identity.AssertionKeys(o.AssertionKeyFile)
		if row.want == "" {
			if err != nil || errPublic != nil || len(public) == 0 {
				t.Errorf("%s: got %v, %v, want keys", row.rule, err, errPublic)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.want) || errPublic == nil || !strings.Contains(errPublic.Error(), row.want) {
			t.Errorf("%s: got %v, %v, want %q", row.rule, err, errPublic, row.want)
		}
	}
}

// TestAssertionKeyOfAnIssuer: a key that bearers are verified with would make
// an assertion a bearer, and the other way round.
func TestAssertionKeyOfAnIssuer(t *testing.T) {
	t.Parallel()
	ofIssuer := func(key crypto.PublicKey) bool { return edKey().Public().(ed25519.PublicKey).Equal(key) } //nolint:errcheck,forcetypeassert // It is one.
	for _, row := range []struct {
		rule, text string
		issuerKey  func(crypto.PublicKey) bool
		want       string // empty: accepted
	}{
		{"an issuer's", test.PrivatePEM(edKey()), ofIssuer, "key 1: is an issuer's"},
		{"an issuer's as the second", test.PrivatePEM(edOther()) + test.PrivatePEM(edKey()), ofIssuer, "key 2: is an issuer's"},
		{"another", test.PrivatePEM(p256Key()), ofIssuer, ""},
		{"not compared", test.PrivatePEM(edKey()), nil, ""},
	} {
		_, err := identity.New(identity.Options{
			AssertionKeyFile: test.WriteFile(t, "file", row.text), AssertionAudience: "app", Issuer: publicURL, IssuerKey: row.issuerKey,
		})
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), "identity: AssertionKeyFile: "+row.want) {
			t.Errorf("%s: got %v, want %q", row.rule, err, row.want)
		}
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
			o := identity.Options{Headers: preset(b, "x-auth-request"), Now: time.Now}
			if row.key != nil {
				o.AssertionKeyFile, o.AssertionAudience, o.Issuer = test.WriteFile(b, "file", test.PrivatePEM(row.key)), "app", publicURL
			}
			f, g := mustNew(b, o), grant(nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Headers(g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
