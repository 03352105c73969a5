package auth

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"time"
)

// key is a key that passed the rules of its kind.
type key struct {
	kid      string // may be empty
	position int    // in its set, from 1
	alg      string // the only algorithm it may be used with; empty: any that suits
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
	keys  []*key
	named bool // whether one of them has a kid
}

// newKeySet returns a set of the keys.
func newKeySet(keys []*key) *keySet {
	return &keySet{keys: keys, named: slices.ContainsFunc(keys, func(k *key) bool { return k.kid != "" })}
}

// find returns the one key that has the kid and fits the algorithm. If the token
// has no kid, or no key of the set has one (a PEM file, a secret), it is the
// only one that fits. A key may stand in the set several times, for example once
// for each algorithm; two different keys that fit are a refusal. Keys are never
// tried one by one.
func (s *keySet) find(kid string, alg algorithm) (*key, error) {
	byName := kid != "" && s.named
	var found *key
	refused := refusedKeyUnknown
	for _, k := range s.keys {
		switch {
		case byName && k.kid != kid:
		case !k.fits(alg):
			if byName {
				refused = refusedAlgorithm
			}
		case found == nil:
			found = k
		case !found.is(k.public):
			return nil, refusedKeyAmbiguous
		}
	}
	if found == nil {
		return nil, refused
	}
	return found, nil
}

// verify checks the signature of a token with the key that it names.
func (s *keySet) verify(t token, kid string, alg algorithm) error {
	k, err := s.find(kid, alg)
	if err != nil {
		return err
	}
	if alg.method.Verify(t.signed, t.signature, k.public) != nil {
		return refusedSignature
	}
	return nil
}

// verifyWith returns the set that verified the token. A token that the keys do
// not verify may be signed with a new one: they are renewed if it is not too
// early for that, and asked once more.
func verifyWith(ctx context.Context, keys keySource, t token, kid string, alg algorithm, now time.Time) (*keySet, error) {
	set := keys.set(now)
	if set == nil {
		return nil, keys.outage()
	}
	refused := set.verify(t, kid, alg)
	if refused == nil {
		return set, nil
	}
	renewed, err := keys.renew(ctx, now)
	switch {
	case err != nil && errors.Is(refused, refusedKeyUnknown):
		return nil, err // it may be known to the issuer
	case err != nil || renewed == set:
		return nil, refused
	}
	return renewed, renewed.verify(t, kid, alg)
}

// equal reports whether both sets hold the same keys, in any order and however
// often.
func (s *keySet) equal(other *keySet) bool { return s.within(other) && other.within(s) }

// within reports whether the other set holds every key of s.
func (s *keySet) within(other *keySet) bool {
	return !slices.ContainsFunc(s.keys, func(k *key) bool { return !slices.ContainsFunc(other.keys, k.equal) })
}

// fitsAny reports whether the key may be used with at least one of the
// algorithms.
func (k *key) fitsAny(algs map[string]algorithm) bool {
	for _, a := range algs {
		if k.fits(a) {
			return true
		}
	}
	return false
}

// clash returns a key of which another one has the kid and fits the same
// algorithm, nil if there is none.
func clash(keys []*key, algs map[string]algorithm) *key {
	for n, k := range keys {
		for _, other := range keys[:n] {
			if k.kid == "" || k.kid != other.kid || k.is(other.public) {
				continue
			}
			for _, a := range algs {
				if k.fits(a) && other.fits(a) {
					return k
				}
			}
		}
	}
	return nil
}
