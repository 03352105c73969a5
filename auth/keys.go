package auth

import (
	"crypto"
	"errors"
	"slices"
)

// key is a key that passed the rules of its kind.
type key struct {
	kid string // may be empty
	alg string // the only algorithm it may be used with; empty: any that suits
	// public is *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or the
	// []byte of an HMAC secret.
	public any
}

// fits reports whether the key may be used with the algorithm: by its type and
// curve, and by its alg where it has one (RFC 7517 4.4).
func (k *key) fits(alg algorithm) bool {
	return (k.alg == "" || k.alg == alg.name) && alg.suits(k.public)
}

// algorithm returns the name of the algorithm to use with the key where the
// configuration names none.
func (k *key) algorithm() string {
	if k.alg != "" {
		return k.alg
	}
	return defaultAlgorithm(k.public)
}

// equal reports whether both are the same public key under the same name.
func (k *key) equal(other *key) bool {
	return k.kid == other.kid && k.alg == other.alg && k.is(other.public)
}

// is reports whether k is this public key, under whatever name. A secret is
// none.
func (k *key) is(other crypto.PublicKey) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other)
}

// keySet holds the keys of one issuer at one time. It never changes; a rotation
// makes another one.
type keySet struct {
	keys   []*key
	byName map[string]*key
}

// newKeySet returns an error if two keys have one name.
func newKeySet(keys []*key) (*keySet, error) {
	s := &keySet{keys: keys, byName: make(map[string]*key)}
	for _, k := range keys {
		if k.kid == "" {
			continue
		}
		if _, taken := s.byName[k.kid]; taken {
			return nil, errDuplicateKid
		}
		s.byName[k.kid] = k
	}
	return s, nil
}

var errDuplicateKid = errors.New("two keys have the same kid")

// find returns the key named kid. If the token names none, or no key of the
// set has a name (a PEM file, a secret), it returns the only key that fits the
// algorithm. Keys are never tried one by one.
func (s *keySet) find(kid string, alg algorithm) (*key, error) {
	if kid == "" || len(s.byName) == 0 {
		return s.only(alg)
	}
	k, ok := s.byName[kid]
	if !ok {
		return nil, refusedKeyUnknown
	}
	if !k.fits(alg) {
		return nil, refusedAlgorithm
	}
	return k, nil
}

// only returns the key that fits, if there is exactly one.
func (s *keySet) only(alg algorithm) (*key, error) {
	var found *key
	for _, k := range s.keys {
		if !k.fits(alg) {
			continue
		}
		if found != nil {
			return nil, refusedKeyAmbiguous
		}
		found = k
	}
	if found == nil {
		return nil, refusedKeyUnknown
	}
	return found, nil
}

// equal reports whether both sets hold the same keys, in any order.
func (s *keySet) equal(other *keySet) bool {
	return len(s.keys) == len(other.keys) && !slices.ContainsFunc(s.keys, func(k *key) bool {
		return !slices.ContainsFunc(other.keys, k.equal)
	})
}

// usable returns the keys that fit at least one of the algorithms.
func usable(keys []*key, algs map[string]algorithm) []*key {
	return slices.DeleteFunc(keys, func(k *key) bool {
		for _, a := range algs {
			if k.fits(a) {
				return false
			}
		}
		return true
	})
}
