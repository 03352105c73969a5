package auth_test

import (
	"crypto"
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
