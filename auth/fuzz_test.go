package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"testing"

	"wsticket/auth"
	"wsticket/ticket"
)

// FuzzBearer: no bytes make it panic, it accepts only the tokens that were
// signed, byte for byte (Ed25519 signatures and strict base64url have one
// spelling), and every refusal has a listed reason and quotes nothing.
func FuzzBearer(f *testing.F) {
	good := []string{
		sign(f, edKey(), goodClaims()),
		sign(f, edKey(), goodClaims().with("aud", []string{"a", audience}, "scope", "read"), "kid", "k"),
	}
	for _, seed := range append(slices.Clone(good),
		signText(`{"alg":"none"}`, toJSON(f, goodClaims())),
		signText(`{"alg":"EdDSA","typ":"at+jwt","crit":[]}`, `{"iss":"x","iss":"y"}`),
		signText(`{"alg":"EdDSA","typ":"at+jwt"}`, `{"iss":"`+issuerName+`","exp":1e400,"sub":"\ud800"}`),
		"", "..", "a.b.c", good[0]+"\n", strings.Repeat(".", 100),
	) {
		f.Add(seed)
	}
	v := edVerifier(f)
	f.Fuzz(func(t *testing.T, text string) {
		identity, err := v.Authenticate(t.Context(), ticket.NewBearer(text))
		explainsTheSame(t, v, ticket.NewBearer(text), err)
		if err == nil {
			if !slices.Contains(good, text) {
				t.Errorf("accepted what was not signed: %q", text)
			}
			if identity.Subject == "" || identity.Issuer != issuerName {
				t.Errorf("accepted nobody: %+v", identity)
			}
			return
		}
		if !errors.Is(err, ticket.ErrInvalidBearer) || !slices.Contains(auth.Reasons(), ticket.Reason(err)) {
			t.Errorf("got %v, want ErrInvalidBearer and a listed reason", err)
		}
		holdsNothingOf(t, "fuzz", err, text)
	})
}

// FuzzKeySet: no bytes make it panic, and every key that is accepted obeys the
// rules.
func FuzzKeySet(f *testing.F) {
	good := jwks(f, publicJWK(f, rsaKey(), "kid", "a"), publicJWK(f, p256Key(), "kid", "b"), publicJWK(f, edKey(), "kid", "c"))
	for _, seed := range []string{
		good, `{"keys":[]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`, `[]`, `null`, "<html>", good + "x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := auth.ParseSet(data)
		if err == nil && (len(keys) == 0 || len(keys) > 100) {
			t.Errorf("accepted a set of %d keys", len(keys))
		}
		for _, k := range keys {
			switch k := k.(type) {
			case *rsa.PublicKey:
				if k.N.BitLen() < 2048 || k.N.BitLen() > 8192 || k.E < 65537 || k.E%2 == 0 {
					t.Errorf("accepted an RSA key of %d bits, e = %d", k.N.BitLen(), k.E)
				}
			case *ecdsa.PublicKey:
				if _, err := k.ECDH(); err != nil {
					t.Errorf("accepted an EC key off its curve: %v", err)
				}
			case ed25519.PublicKey:
				if len(k) != ed25519.PublicKeySize {
					t.Errorf("accepted an Ed25519 key of %d bytes", len(k))
				}
			default:
				t.Errorf("accepted a %T", k)
			}
		}
	})
}

// FuzzClaims signs whatever it is given: an identity has a subject, an audience
// and an end.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		toJSON(f, goodClaims()), `{}`, `{"iss":"` + issuerName + `"}`, `null`,
		toJSON(f, goodClaims().with("aud", []any{"ws", 1})),
		toJSON(f, goodClaims().with("exp", 1e300, "scope", []string{"a"})),
		strings.Replace(toJSON(f, goodClaims()), `"sub"`, `"SUB":"admin","sub"`, 1),
		toJSON(f, goodClaims().with("nonce", "n", "typ", "Bearer")), toJSON(f, goodClaims().with("token_use", "id")),
		toJSON(f, goodClaims().null("nbf").null("scope").null("cnf")),
	} {
		f.Add(seed)
	}
	v := edVerifier(f)
	f.Fuzz(func(t *testing.T, claims string) {
		bearer := ticket.NewBearer(signText(`{"alg":"EdDSA","typ":"at+jwt"}`, claims))
		identity, err := v.Authenticate(t.Context(), bearer)
		explainsTheSame(t, v, bearer, err)
		if err != nil {
			if !errors.Is(err, ticket.ErrInvalidBearer) || !slices.Contains(auth.Reasons(), ticket.Reason(err)) {
				t.Errorf("got %v, want ErrInvalidBearer and a listed reason", err)
			}
			return
		}
		if identity.Issuer != issuerName || !slices.Contains(identity.Audience, audience) ||
			!identity.ExpiresAt.After(now) || identity.Subject == "" || len(identity.Subject) > 255 {
			t.Errorf("accepted %+v", identity)
		}
	})
}
