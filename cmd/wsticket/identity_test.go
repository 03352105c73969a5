package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
)

// privateKeyPEM is a key as openssl genpkey writes it.
func privateKeyPEM(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
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

func TestIdentityHeaders(t *testing.T) {
	custom := map[string]string{"sub": "X-User", "email": "X-Email"}
	remote := map[string]string{"sub": "Remote-User", "groups": "Remote-Groups", "name": "Remote-Name", "email": "Remote-Email"}
	for _, row := range []struct {
		rule, file string
		env        []string
		want       map[string]string
		shown      string
	}{
		{"the default", "", nil, presetHeaders("x-auth-request").claims, "x-auth-request"},
		{"a key without a value keeps it", "identity: {headers: }", nil, presetHeaders("x-auth-request").claims, "x-auth-request"},
		{"a preset", "identity: {headers: remote}", nil, remote, "remote"},
		{"a mapping", "identity: {headers: {sub: X-User, email: X-Email}}", nil, custom, "email=X-Email,sub=X-User"},
		{"a mapping over lines", "identity:\n  headers:\n    sub: X-User\n    email: X-Email\n", nil, custom, "email=X-Email,sub=X-User"},
		{"a mapping in text", "identity: {headers: \"sub=X-User, email=X-Email,\"}", nil, custom, "email=X-Email,sub=X-User"},
		{"the environment", "identity: {headers: {sub: X-Other}}", []string{"WSTICKET_IDENTITY_HEADERS=sub=X-User,email=X-Email"}, custom, "email=X-Email,sub=X-User"},
		{"a preset in the environment", "", []string{"WSTICKET_IDENTITY_HEADERS=remote"}, remote, "remote"},
		{"none", "identity: {headers: {}}", nil, map[string]string{}, ""},
		{"none in text", "identity: {headers: \"\"}", nil, map[string]string{}, ""},
	} {
		file := strings.Replace(goodFile, "audience: [ws]", "audience: [ws]\n    claims: [email]", 1) + row.file
		cfg, err := loadText(t, file, row.env)
		if err != nil || !maps.Equal(cfg.Identity.Headers.claims, row.want) || cfg.Identity.Headers.String() != row.shown {
			t.Errorf("%s: got %v %q, %v, want %v %q", row.rule, cfg.Identity.Headers.claims, cfg.Identity.Headers, err, row.want, row.shown)
		}
	}
	for _, text := range []string{"sub", "sub=X-User,email", "sub=X-User,sub=X-Name", "x-auth-request,sub=X-User"} {
		if _, err := loadText(t, goodFile, nil, "identity.headers="+text); err == nil || !strings.Contains(err.Error(), "must be x-auth-request, x-forwarded, remote") {
			t.Errorf("%s: got %v, want a fault", text, err)
		}
	}
	// What an application vouches for has names that the configuration cannot know.
	const lookup = "session: {cookie: sid, lookup_url: \"http://app\"}\norigins: [\"https://app.example.com\"]\nidentity: {headers: {tenant: X-Tenant}}\n"
	if _, err := loadText(t, goodFile+lookup, nil); err != nil {
		t.Errorf("a claim of the application's: %v", err)
	}
}

// TestCheckConfigReadsAssertionKeys: with the eyes of serve, also for the
// comparison with the keys of issuers.
func TestCheckConfigReadsAssertionKeys(t *testing.T) {
	idp := newProvider(t)
	shared := newP256(t)
	public, err := x509.MarshalPKIXPublicKey(shared.Public())
	if err != nil {
		t.Fatal(err)
	}
	sharedPublic := writeFile(t, "shared.pub.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	ofShared := `{issuer: b, audience: [ws], algorithms: [ES256], public_key_file: "` + sharedPublic + `"}`
	for _, row := range []struct {
		rule, keys, want string
		set              []string
	}{
		{"a key", privateKeyPEM(t, newEd25519(t)), "", nil},
		{"two", privateKeyPEM(t, newEd25519(t)) + privateKeyPEM(t, newP256(t)), "", nil},
		{"no key", "", "not one or two private keys in PEM", nil},
		{"a key of another kind", mustRead(t, idp.private), "key 1: must be an unencrypted private key, ECDSA on P-256 or Ed25519", nil},
		{"an issuer's", privateKeyPEM(t, shared), "key 1: is an issuer's", []string{"--set", "issuers=[" + ofShared + "]"}},
		{"no key, beside an issuer that has a fault", "", "not one or two private keys in PEM", []string{"--set", "issuers=[{issuer: b}]"}},
		{"no key, beside a key file that has a fault", "", "not one or two private keys in PEM", []string{"--set", "issuers=[{issuer: b, audience: [ws], public_key_file: /gone}]"}},
	} {
		file := writeFile(t, "assertion.pem", row.keys)
		args := append([]string{
			"check-config", "--config", idp.config(t, "memory:"), "--set", "public.url=https://api.example.com",
			"--set", "identity.assertion_key_file=" + file, "--set", "identity.assertion_audience=chat",
		}, row.set...)
		_, _, err := runIn(t, nil, args...)
		switch {
		case row.want == "" && err != nil, row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: got %v, want %q", row.rule, err, row.want)
		case err != nil && strings.Count(err.Error(), "assertion_key_file") != 1:
			t.Errorf("%s: got %v, want the fault once", row.rule, err)
		}
	}
}

// TestTokenRefusesAssertionKeys: also where they stand in another file, and
// also the second of the two.
func TestTokenRefusesAssertionKeys(t *testing.T) {
	first, second, other := newEd25519(t), newP256(t), newP256(t)
	keys := writeFile(t, "assertion.pem", privateKeyPEM(t, first)+privateKeyPEM(t, second))
	file := writeFile(t, "c.yaml", "identity: {assertion_key_file: \""+keys+"\", assertion_audience: chat}\n")
	for _, row := range []struct {
		rule    string
		key     any
		refused bool
	}{{"a copy of the first", first, true}, {"a copy of the second", second, true}, {"another", other, false}} {
		name := writeFile(t, "copy.pem", privateKeyPEM(t, row.key))
		out, _, err := runIn(t, nil, "token", "--sub", "x", "--key", name, "--config", file)
		if row.refused != (err != nil && strings.Contains(err.Error(), "a key has one purpose")) || row.refused != (out == "") {
			t.Errorf("%s: got %q, %v, want refused: %v", row.rule, out, err, row.refused)
		}
	}
}
