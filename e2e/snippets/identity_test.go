//go:build e2e

package snippets_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/identity"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// verifiers are the programs that verify an assertion in each language.
var verifiers = map[string]func(testing.TB, string) *exec.Cmd{"go": goSnippet, "js": nodeSnippet, "python": pythonSnippet}

// TestAssertionSnippets runs the program of each language: it accepts what wsticket
// signs with its first or second key, and refuses everything similar.
func TestAssertionSnippets(t *testing.T) {
	dir := t.TempDir()
	ed, p256 := newEd25519(t), newP256(t)
	keys := writeFile(t, dir, "assertion.pem", privatePEM(t, ed)+privatePEM(t, p256))
	issuer := writeFile(t, dir, "issuer.pem", publicPEM(t, newP256(t)))
	url := serve(t, buildServer(t),
		"--set", "issuers=[{issuer: \"https://id.example.com\", audience: [ws], algorithms: [ES256], public_key_file: "+issuer+"}]",
		"--set", "identity.assertion_key_file="+keys, "--set", "identity.assertion_audience=chat").public
	cases := assertionCases(t, dir, url, ed, p256)
	for language, prepare := range verifiers {
		t.Run(language, func(t *testing.T) {
			var all []presented
			for _, c := range cases {
				all = append(all, c.presented)
			}
			for n, verdict := range run(t, prepare(t, url), all) {
				claims, accepted := verdict.(map[string]any)
				if accepted != cases[n].good {
					t.Errorf("%s: got %v, want accepted: %v", cases[n].rule, verdict, cases[n].good)
				}
				if accepted && (claims["sub"] != "alice" || claims["orig_iss"] != "https://id.example.com" || fmt.Sprint(claims["groups"]) != "[a b]") {
					t.Errorf("%s: got %v, want alice of https://id.example.com in groups a and b", cases[n].rule, claims)
				}
			}
		})
	}
}

// TestAssertionSnippetsWithoutKeys: an assertion is refused while its keys cannot be had.
func TestAssertionSnippetsWithoutKeys(t *testing.T) {
	url := "http://" + testenv.FreeAddr(t)
	good := assertionCases(t, t.TempDir(), url, newEd25519(t), newP256(t))[:1]
	for language, prepare := range verifiers {
		t.Run(language, func(t *testing.T) {
			if verdict, refused := run(t, prepare(t, url), []presented{good[0].presented})[0].(string); !refused {
				t.Errorf("got %v, want a refusal", verdict)
			}
		})
	}
}

type assertionCase struct {
	rule string
	presented
	good bool
}

// assertionCases are signed by the code that signs for serve, with its keys.
func assertionCases(t testing.TB, dir, url string, ed ed25519.PrivateKey, p256 *ecdsa.PrivateKey) []assertionCase {
	t.Helper()
	sign := func(key any, edit func(*identity.Options)) presented {
		o := identity.Options{
			AssertionKeyFile: writeFile(t, dir, "key.pem", privatePEM(t, key)), AssertionAudience: "chat", Issuer: url,
		}
		if edit != nil {
			edit(&o)
		}
		f, err := identity.New(o)
		if err != nil {
			t.Fatal(err)
		}
		header, err := f.Headers(ticket.Grant{
			ID: ticket.NewID(), ConnectionExpiresAt: time.Now().Add(time.Hour), Identity: ticket.Identity{
				Issuer: "https://id.example.com", Subject: "alice", Claims: map[string]any{"groups": []any{"a", "b"}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return presentedBy(header)
	}
	good := sign(ed, nil)
	other := good
	other.ID = string(ticket.NewID())
	cut := good
	cut.Assertion = good.Assertion[:strings.LastIndex(good.Assertion, ".")+1]
	past := func(o *identity.Options) { o.Now = func() time.Time { return time.Now().Add(-2 * time.Minute) } }
	future := func(o *identity.Options) { o.Now = func() time.Time { return time.Now().Add(2 * time.Minute) } }
	return []assertionCase{
		{"signed by the first key", good, true},
		{"signed by the second key", sign(p256, nil), true},
		{"of another connection", other, false},
		{"an hour old", sign(ed, past), false},
		{"from the future", sign(ed, future), false},
		{"for another application", sign(ed, func(o *identity.Options) { o.AssertionAudience = "feed" }), false},
		{"of another wsticket", sign(ed, func(o *identity.Options) { o.Issuer = "https://evil.example.com" }), false},
		{"by a key of somebody else's", sign(newEd25519(t), nil), false},
		{"without a signature", cut, false},
		{"of type JWT", forge(t, good, jwt.SigningMethodEdDSA, ed, map[string]any{"typ": "JWT"}), false},
		{"without a type", forge(t, good, jwt.SigningMethodEdDSA, ed, map[string]any{"typ": nil}), false},
		{"by nobody", forge(t, good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), false},
		{"by the public key as a secret", forge(t, good, jwt.SigningMethodHS256, []byte(ed.Public().(ed25519.PublicKey)), nil), false}, //nolint:errcheck,forcetypeassert // It is one.
		{"by one key in the other's name", forge(t, good, jwt.SigningMethodES256, p256, nil), false},
		{"by a key that it brings along", forge(t, sign(newEd25519(t), nil), jwt.SigningMethodEdDSA, newEd25519(t), map[string]any{"jku": url, "kid": "x"}), false},
		{"nothing", presented{"", good.ID}, false},
		{"no JWT", presented{"x", good.ID}, false},
	}
}

// forge signs the claims of an assertion in another way. The members of header
// replace those of its header; nil removes one.
func forge(t testing.TB, p presented, method jwt.SigningMethod, key any, header map[string]any) presented {
	t.Helper()
	token, _, err := jwt.NewParser().ParseUnverified(p.Assertion, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	forged := jwt.NewWithClaims(method, token.Claims)
	for name, value := range token.Header {
		if name != "alg" {
			forged.Header[name] = value
		}
	}
	maps.Copy(forged.Header, header)
	maps.DeleteFunc(forged.Header, func(_ string, value any) bool { return value == nil })
	text, err := forged.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return presented{text, p.ID}
}

// at returns a snippet with the URL of the test's wsticket.
func at(t testing.TB, language, url string) string {
	t.Helper()
	return strings.ReplaceAll(block(t, "identity.md", language), "https://api.example.com", url)
}

func goSnippet(t testing.TB, url string) *exec.Cmd {
	dir := t.TempDir()
	snippet := writeFile(t, dir, "snippet.go", at(t, "go", url))
	check := writeFile(t, dir, "check.go", strings.ReplaceAll(read(t, "testdata/check.go"), "https://api.example.com", url))
	return exec.CommandContext(t.Context(), "go", "run", snippet, check)
}

func nodeSnippet(t testing.TB, url string) *exec.Cmd {
	dir, node := t.TempDir(), testenv.NeedNode(t, packages)
	testenv.LinkNode(t, packages, dir)
	writeFile(t, dir, "snippet.mjs", at(t, "js", url))
	return exec.CommandContext(t.Context(), node, writeFile(t, dir, "check.mjs", read(t, "testdata/check.mjs")))
}

func pythonSnippet(t testing.TB, url string) *exec.Cmd {
	dir := t.TempDir()
	python := testenv.NeedPython(t, "jwt", "cryptography")
	writeFile(t, dir, "snippet.py", at(t, "python", url))
	return exec.CommandContext(t.Context(), python, "-B", writeFile(t, dir, "check.py", read(t, "testdata/check.py")))
}

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func privatePEM(t testing.TB, key any) string {
	t.Helper()
	data, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: data}))
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	data, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: data}))
}

func writeFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
