package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/internal/test"
)

// providerDocuments are what an identity provider publishes: documents by the
// paths that they have at one of its hosts. Key material is left out of them.
type providerDocuments struct {
	Provider  string         `json:"provider"`
	Recipe    string         `json:"recipe"` // a text that only its YAML on the page has
	Hosts     []string       `json:"hosts"`
	Documents map[string]any `json:"documents"`
}

// providerToken is a bearer in the shape that its provider makes. It is signed by
// the key that its kid names, or by a secret where the algorithm is HMAC.
type providerToken struct {
	Provider string         `json:"provider"`
	Header   map[string]any `json:"header"`
	Claims   map[string]any `json:"claims"`
	Text     string         `json:"text"` // instead of both: what cannot be signed
	Subject  string         `json:"subject"`
	Scope    string         `json:"scope"` // one of its scopes, and not all of them
}

// providerSecret is what HMAC algorithms sign with.
const providerSecret = "super-secret-jwt-token-with-at-least-64-characters-of-length-for-HS512"

// rsaKeys are made once, because that is slow. The keys of one set differ.
var rsaKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	return []*rsa.PrivateKey{test.RSAKey(2048), test.RSAKey(2048)}
})

// testIssuer signs as a provider does, with keys of its own.
type testIssuer struct {
	providerDocuments

	keys  map[string]crypto.Signer // by kid
	hosts *strings.Replacer        // real addresses to those of serve
}

func newTestIssuer(t *testing.T, docs providerDocuments) *testIssuer {
	t.Helper()
	i := &testIssuer{docs, map[string]crypto.Signer{}, strings.NewReplacer()}
	for _, document := range docs.Documents {
		if set, ok := document.(map[string]any); ok && set["keys"] != nil {
			i.fill(t, set)
		}
	}
	return i
}

// serve publishes the documents. All hosts of the provider are one server, which
// ends with the test.
func (i *testIssuer) serve(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	var pairs []string
	for _, host := range i.Hosts {
		pairs = append(pairs, host, server.URL)
	}
	i.hosts = strings.NewReplacer(pairs...)
	for path, document := range i.Documents {
		body := i.hosts.Replace(encode(t, document))
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		})
	}
}

// fill gives the entries of a key set their key material.
func (i *testIssuer) fill(t *testing.T, set map[string]any) {
	t.Helper()
	entries, _ := set["keys"].([]any)
	for n, entry := range entries {
		jwk, _ := entry.(map[string]any)
		kid, _ := jwk["kid"].(string)
		switch jwk["kty"] {
		case "RSA":
			key := rsaKeys()[n%len(rsaKeys())]
			jwk["n"] = base64.RawURLEncoding.EncodeToString(key.N.Bytes())
			jwk["e"] = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
			i.keys[kid] = key
		case "EC":
			key := test.ECKey(elliptic.P256())
			point, err := key.PublicKey.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			size := len(point) / 2
			jwk["x"] = base64.RawURLEncoding.EncodeToString(point[1 : 1+size])
			jwk["y"] = base64.RawURLEncoding.EncodeToString(point[1+size:])
			i.keys[kid] = key
		default:
			t.Fatalf("key %s has kty %v", kid, jwk["kty"])
		}
	}
}

// sign makes a token that was issued just now, and has as long to live as the
// one in the documentation.
func (i *testIssuer) sign(t *testing.T, token providerToken) string {
	t.Helper()
	if token.Text != "" {
		return token.Text
	}
	issued, _ := token.Claims["iat"].(float64)
	shift := float64(time.Now().Unix()) - issued
	for _, name := range []string{"iat", "exp", "nbf", "auth_time"} {
		if at, ok := token.Claims[name].(float64); ok {
			token.Claims[name] = at + shift
		}
	}
	text := segment(encode(t, token.Header)) + "." + segment(i.hosts.Replace(encode(t, token.Claims)))
	alg, _ := token.Header["alg"].(string)
	signature, err := jwt.GetSigningMethod(alg).Sign(text, i.key(t, alg, token.Header["kid"]))
	if err != nil {
		t.Fatalf("sign with %s: %v", alg, err)
	}
	return text + "." + segment(string(signature))
}

// key returns the key of the name; a token that the provider did not sign with a
// published key gets one of the right kind.
func (i *testIssuer) key(t *testing.T, alg string, kid any) any {
	t.Helper()
	if strings.HasPrefix(alg, "HS") {
		return []byte(providerSecret)
	}
	name, _ := kid.(string)
	switch key := i.keys[name].(type) {
	case *rsa.PrivateKey:
		return key
	case *ecdsa.PrivateKey:
		return key
	default:
		t.Fatalf("no key called %s", name)
		return nil
	}
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
