//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuerName = "https://issuer-canary.example"
	pageOrigin = "https://origin-canary.example"
)

// issuer has the keys of a test: the pair that signs bearers and the key that seals
// records.
type issuer struct{ name, dir string }

func (i issuer) file(name string) string { return filepath.Join(i.dir, name) }

func newIssuer(t testing.TB) issuer {
	t.Helper()
	i := issuer{issuerName, t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	seal := make([]byte, 32)
	_, _ = rand.Read(seal)
	i.write(t, "issuer.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	i.write(t, "issuer.pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	i.write(t, "seal.keys", []byte(base64.StdEncoding.EncodeToString(seal)+"\n"))
	return i
}

func (i issuer) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(i.file(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (i issuer) read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(i.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bearer returns a bearer of a subject for an hour, with claims of the form name=value.
func (i issuer) bearer(t testing.TB, sub string, claims ...string) string {
	t.Helper()
	return i.bearerFor(t, "1h", sub, claims...)
}

// bearerFor is bearer for a time such as "90s".
func (i issuer) bearerFor(t testing.TB, ttl, sub string, claims ...string) string {
	t.Helper()
	args := []string{"token", "--key", i.file("issuer.pem"), "--issuer", i.name, "--audience", "ws", "--sub", sub, "--ttl", ttl}
	for _, claim := range claims {
		args = append(args, "--claim", claim)
	}
	out, err := program(t.Context(), t, args...).Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// sign is bearerFor without a test, for handlers.
func (i issuer) sign(sub string, ttl time.Duration) (string, error) {
	text, err := os.ReadFile(i.file("issuer.pem"))
	if err != nil {
		return "", err
	}
	key, err := jwt.ParseECPrivateKeyFromPEM(text)
	if err != nil {
		return "", err
	}
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": i.name, "aud": "ws", "sub": sub, "iat": now.Unix(), "exp": now.Add(ttl).Unix(), "jti": rand.Text(),
	})
	return token.SignedString(key)
}

// patientStore follows the URL of a Redis in tests that are not about its delays: on a
// busy machine it may take longer to answer than the default time-out.
const patientStore = "?timeout=4s"

// config writes a configuration file for one or more replicas. There are no limits,
// because all clients of the tests have the same address.
func (i issuer) config(t testing.TB, storeURL string) string {
	t.Helper()
	i.write(t, "wsticket.yaml", fmt.Appendf(nil, `
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
store:    {url: %q}
ticket:   {ttl: 60s, seal_key_file: %q}
issuers:
  - {issuer: %q, audience: [ws], algorithms: [ES256], public_key_file: %q, claims: [email, groups]}
origins:  [%q]
limits:   {per_subject: "0", per_address: "0"}
log:      {level: debug}
`, storeURL, i.file("seal.keys"), i.name, i.file("issuer.pub.pem"), pageOrigin))
	return i.file("wsticket.yaml")
}
