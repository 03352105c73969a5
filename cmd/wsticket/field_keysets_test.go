package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/internal/test"
)

// keySetCase is what an issuer publishes, and how its token is signed.
type keySetCase struct {
	// Discovery is its discovery document; without one, jwks_url is configured.
	// Set is its key set. In both, {issuer}, {jwks_uri} and {key.member} are
	// filled in.
	Discovery, Set json.RawMessage
	Prefix         string   // stands before both
	Suffix         string   // of the issuer's name
	Algorithms     []string // default RS256
	// Key and Alg sign the token: rsa and RS256 by default. Kid is in its
	// header, unless it is empty.
	Key, Alg, Kid string
	Said          string // what a line of the log has to say
}

// TestFieldKeySets serves each key set to a whole wsticket, and presents a
// token that the issuer has signed.
func TestFieldKeySets(t *testing.T) {
	t.Parallel()
	cases := fieldCases[keySetCase](t, "keysets.json")
	keys := map[string]crypto.Signer{
		"rsa": test.RSAKey(2048), "rsa2": test.RSAKey(2048), "weak": test.RSAKey(1024),
		"p256": test.ECKey(elliptic.P256()), "ed": test.EdKey(),
	}
	documents := make(map[string]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, found := documents[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	var issuers strings.Builder
	for n, c := range cases {
		name, set := fmt.Sprint(server.URL, "/", n, c.Input.Suffix), fmt.Sprint("/keys/", n)
		fill := filler(keys, "{issuer}", name, "{jwks_uri}", server.URL+set)
		documents[set] = c.Input.Prefix + fill.Replace(string(c.Input.Set))
		source := fmt.Sprintf("jwks_url: %q", server.URL+set)
		if c.Input.Discovery != nil {
			source = "discovery: true"
			path := strings.TrimPrefix(strings.TrimSuffix(name, "/"), server.URL) + "/.well-known/openid-configuration"
			documents[path] = c.Input.Prefix + fill.Replace(string(c.Input.Discovery))
		}
		fmt.Fprintf(&issuers, "  - {issuer: %q, audience: [ws], %s, algorithms: [%s], insecure_allow_private_network: true}\n",
			name, source, strings.Join(c.Input.algorithms(), ", "))
	}
	p := start(t, "serve", "--config", test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1, localhost]}
internal: {listen: "127.0.0.1:0"}
store:    {url: "memory:"}
limits:   {per_subject: 1000/s, per_address: 1000/s}
identity: {headers: {sub: X-User, iss: X-User-Issuer}}
issuers:
%s`, &issuers)))
	for n, c := range cases {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			name := fmt.Sprint(server.URL, "/", n, c.Input.Suffix)
			got := p.present(t, c.Input.sign(t, keys, name))
			if got != c.Want {
				t.Errorf("%s: got %s, want %s: %s", c.Source, got, c.Want, c.Why)
			}
			if c.Input.Said != "" {
				p.stderr.WaitFor(t, `"issuer":"`+name+`"`, strings.ReplaceAll(c.Input.Said, "{issuer}", name))
			}
		})
	}
}

// present asks for a ticket and connects with it. It returns 101, or the reason
// in the log.
func (p *process) present(t *testing.T, bearer string) string {
	t.Helper()
	a := exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "Authorization", "Bearer "+bearer)
	if a.status != http.StatusCreated {
		var line struct{ Reason string }
		if err := json.Unmarshal([]byte(p.stderr.WaitFor(t, `"request_id":"`+a.header.Get("X-Request-Id")+`"`)), &line); err != nil {
			t.Fatal(err)
		}
		return line.Reason
	}
	var got issued
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	_, _, res := dial(t, got.URL, nil)
	return fmt.Sprint(res.StatusCode)
}

func (c keySetCase) algorithms() []string {
	if c.Algorithms == nil {
		return []string{"RS256"}
	}
	return c.Algorithms
}

// sign makes the token.
func (c keySetCase) sign(t *testing.T, keys map[string]crypto.Signer, issuer string) string {
	t.Helper()
	if c.Key == "" {
		c.Key = "rsa"
	}
	if c.Alg == "" {
		c.Alg = "RS256"
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(c.Alg), jwt.MapClaims{
		"iss": issuer, "aud": "ws", "sub": "alice", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	token.Header["typ"] = "at+jwt"
	if c.Kid != "" {
		token.Header["kid"] = c.Kid
	}
	text, err := token.SignedString(keys[c.Key])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// filler fills in {name.member} of each key, beside pairs.
func filler(keys map[string]crypto.Signer, pairs ...string) *strings.Replacer {
	encode := base64.RawURLEncoding.EncodeToString
	for name, key := range keys {
		switch public := key.Public().(type) {
		case *rsa.PublicKey:
			pairs = append(pairs, "{"+name+".n}", encode(public.N.Bytes()), "{"+name+".e}", encode(big.NewInt(int64(public.E)).Bytes()))
		case *ecdsa.PublicKey:
			point, _ := public.Bytes()
			half := len(point) / 2
			pairs = append(pairs, "{"+name+".x}", encode(point[1:1+half]), "{"+name+".y}", encode(point[1+half:]))
		case ed25519.PublicKey:
			pairs = append(pairs, "{"+name+".x}", encode(public))
		}
	}
	return strings.NewReplacer(pairs...)
}
