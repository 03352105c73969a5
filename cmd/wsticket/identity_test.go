package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"wsticket/internal/test"
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

// publicKeyPEM is the public half of a key, as openssl pkey -pubout writes it.
func publicKeyPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestCheckConfigReadsAssertionKeys: it reads them like serve, and compares
// them with the keys of issuers.
func TestCheckConfigReadsAssertionKeys(t *testing.T) {
	idp := newProvider(t)
	shared := newP256(t)
	sharedPublic := test.WriteFile(t, "shared.pub.pem", publicKeyPEM(t, shared))
	ofShared := `{issuer: b, audience: [ws], algorithms: [ES256], public_key_file: "` + sharedPublic + `"}`
	for _, row := range []struct {
		rule, keys, want string
		set              []string
	}{
		{"a key", privateKeyPEM(t, newEd25519(t)), "", nil},
		{"two", privateKeyPEM(t, newEd25519(t)) + privateKeyPEM(t, newP256(t)), "", nil},
		{"no key", "", "the file is empty", nil},
		{"a key of another kind", mustRead(t, idp.private), "key 1: must be an unencrypted private key, ECDSA on P-256 or Ed25519", nil},
		{"an issuer's", privateKeyPEM(t, shared), "key 1: is an issuer's", []string{"--set", "issuers=[" + ofShared + "]"}},
		{"no key, beside an issuer that has a fault", "", "the file is empty", []string{"--set", "issuers=[{issuer: b}]"}},
		{"no key, beside a key file that has a fault", "", "the file is empty", []string{"--set", "issuers=[{issuer: b, audience: [ws], public_key_file: /gone}]"}},
	} {
		file := test.WriteFile(t, "assertion.pem", row.keys)
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

// TestTokenRefusesAssertionKeys: also in another file, and also the second of
// the two.
func TestTokenRefusesAssertionKeys(t *testing.T) {
	first, second, other := newEd25519(t), newP256(t), newP256(t)
	keys := test.WriteFile(t, "assertion.pem", privateKeyPEM(t, first)+privateKeyPEM(t, second))
	file := test.WriteFile(t, "c.yaml", "identity: {assertion_key_file: \""+keys+"\", assertion_audience: chat}\n")
	for _, row := range []struct {
		rule    string
		key     any
		refused bool
	}{{"a copy of the first", first, true}, {"a copy of the second", second, true}, {"another", other, false}} {
		name := test.WriteFile(t, "copy.pem", privateKeyPEM(t, row.key))
		out, _, err := runIn(t, nil, "token", "--sub", "x", "--key", name, "--config", file)
		if row.refused != (err != nil && strings.Contains(err.Error(), "a key has one purpose")) || row.refused != (out == "") {
			t.Errorf("%s: got %q, %v, want refused: %v", row.rule, out, err, row.refused)
		}
	}
}
