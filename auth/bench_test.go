package auth_test

import (
	"crypto"
	"strconv"
	"testing"

	"wsticket/auth"
	"wsticket/ticket"
)

// BenchmarkAuthenticate measures a bearer that is verified each time, and one
// that was verified before.
func BenchmarkAuthenticate(b *testing.B) {
	for _, row := range []struct {
		alg string
		key crypto.Signer
	}{
		{"RS256", rsaKey()}, {"ES256", p256Key()}, {"EdDSA", edKey()},
	} {
		for _, size := range []int{-1, 0} {
			name := map[int]string{-1: "/cold", 0: "/cached"}[size]
			b.Run(row.alg+name, func(b *testing.B) {
				v := mustNew(b, auth.Options{
					Now: clock, CacheSize: size,
					Issuers: []auth.IssuerOptions{{Keys: []crypto.PublicKey{row.key.Public()}}},
				})
				bearer := ticket.NewBearer(sign(b, row.key, goodClaims().with("scope", "read write")))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Authenticate(b.Context(), bearer); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkKeyring measures the last of ten API keys, and an unknown one.
func BenchmarkKeyring(b *testing.B) {
	var keys []auth.APIKey
	for n := range 10 {
		keys = append(keys, auth.APIKey{Name: "chat", SHA256: digestOf(strconv.Itoa(n)), Scopes: []string{"consume"}})
	}
	ring, err := auth.NewKeyring(keys)
	if err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]string{"known": "9", "unknown": "wrong"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := ring.Lookup(key); ok != (name == "known") {
					b.Fatal("got the wrong answer")
				}
			}
		})
	}
}
