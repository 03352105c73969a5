package auth

import (
	"crypto/rsa"
	"errors"
	"math/big"
)

// Bounds of an RSA key. RFC 7518 3.3 forbids fewer than 2048 bits; above 8192 a
// verification takes so long that it can be used for an attack.
const (
	minModulus  = 2048
	maxModulus  = 8192
	minExponent = 65537
	maxExponent = 1<<31 - 1
)

var (
	errModulus  = errors.New("RSA modulus is even or not of 2048 to 8192 bits")
	errExponent = errors.New("RSA exponent is even or not within 65537 and 2^31-1")
	errROCA     = errors.New("RSA key was made by a broken generator (CVE-2017-15361)")
)

// checkRSA applies the bounds. crypto/rsa takes smaller keys and exponents.
func checkRSA(public *rsa.PublicKey) error {
	if bits := public.N.BitLen(); bits < minModulus || bits > maxModulus || public.N.Bit(0) == 0 {
		return errModulus
	}
	if public.E < minExponent || public.E > maxExponent || public.E%2 == 0 {
		return errExponent
	}
	if hasROCA(public.N) {
		return errROCA
	}
	return nil
}

// hasROCA reports whether a modulus comes from the generator of CVE-2017-15361,
// and can be factored. Its primes are powers of 65537 modulo the product of the
// first small primes, and so is the modulus, modulo each of these primes. Fewer
// than one in 2^27 sound keys look like that by chance.
func hasROCA(n *big.Int) bool {
	for _, prime := range smallPrimes {
		residue := new(big.Int).Mod(n, big.NewInt(prime)).Int64()
		if !isPowerOf65537(residue, prime) {
			return false
		}
	}
	return true
}

var smallPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
	79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// isPowerOf65537 tries the powers modulo the prime until they repeat.
func isPowerOf65537(residue, prime int64) bool {
	power := int64(1)
	for {
		if power == residue {
			return true
		}
		if power = power * 65537 % prime; power == 1 {
			return false
		}
	}
}
