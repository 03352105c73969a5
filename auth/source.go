package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// keySource has the keys of one issuer. It is safe for concurrent use.
type keySource interface {
	// set returns the keys that hold at the time, nil if there are none. It
	// does not wait. The same pointer means the same keys.
	set(now time.Time) *keySet
	// find returns the one key for a token, and the set that it is of.
	find(ctx context.Context, kid string, alg algorithm, now time.Time) (*key, *keySet, error)
}

// staticKeys are those that were there at the start.
type staticKeys struct{ keys *keySet }

func (s staticKeys) set(time.Time) *keySet { return s.keys }

func (s staticKeys) find(_ context.Context, kid string, alg algorithm, _ time.Time) (*key, *keySet, error) {
	k, err := s.keys.find(kid, alg)
	return k, s.keys, err
}

// sources names the settings that say where keys come from.
func (o IssuerOptions) sources() []string {
	var used []string
	for _, source := range []struct {
		name string
		used bool
	}{
		{"jwks_url", o.JWKSURL != ""},
		{"discovery", o.Discovery},
		{"public_key_file", o.PublicKeyFile != ""},
		{"hmac_secret_file", o.HMACSecretFile != ""},
		{"keys", len(o.Keys) > 0},
	} {
		if source.used {
			used = append(used, source.name)
		}
	}
	return used
}

// allowed returns the algorithms by name. Where none are configured, those
// that the keys stand for, or RS256 where the keys are not known yet.
func (o IssuerOptions) allowed(keys []*key) map[string]algorithm {
	names := o.Algorithms
	if len(names) == 0 && len(keys) == 0 {
		names = []string{"RS256"}
	} else if len(names) == 0 {
		for _, k := range keys {
			names = append(names, k.standsFor())
		}
	}
	allowed := make(map[string]algorithm)
	for _, name := range names {
		if a, known := algorithmNamed(name); known {
			allowed[name] = a
		}
	}
	return allowed
}

// newIssuer reads the keys that are there at the start, or prepares to fetch
// them. The error starts with the name of the field that is at
// fault and ends with that of its file.
func (v *Verifier) newIssuer(o Options, options IssuerOptions) (*issuer, error) {
	options = options.withDefaults()
	i := &issuer{
		name: options.Issuer, audience: slices.Clone(options.Audience), typ: options.Type,
		maxLifetime: options.MaxLifetime, leeway: options.Leeway, claims: slices.Clone(options.Claims),
	}
	field := options.sources()[0]
	value := ""
	if file := cmp.Or(options.PublicKeyFile, options.HMACSecretFile); file != "" {
		value = fmt.Sprintf(" (got %q)", file)
	}
	keys, err := options.static()
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", field, err, value)
	}
	i.algorithms = options.allowed(keys)
	if keys == nil {
		i.keys = v.newRemoteKeys(o, options, i.algorithms)
		return i, nil
	}
	set, err := newStaticSet(keys, i.algorithms)
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", field, err, value)
	}
	i.keys = staticKeys{set}
	return i, nil
}

// static returns the keys that are there at the start, nil where the source
// is a URL.
func (o IssuerOptions) static() ([]*key, error) {
	switch {
	case o.PublicKeyFile != "":
		return readKeyFile(o.PublicKeyFile)
	case o.HMACSecretFile != "":
		secret, err := readSecretFile(o.HMACSecretFile)
		return []*key{secret}, err
	}
	var keys []*key
	var wrong []error
	for n, public := range o.Keys {
		k, err := newKey(public)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("key %d: %w", n+1, err))
		}
		keys = append(keys, k)
	}
	return keys, errors.Join(wrong...)
}

// newStaticSet refuses an algorithm that none of the keys can be used with,
// and a secret that is too short for one.
func newStaticSet(keys []*key, algs map[string]algorithm) (*keySet, error) {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(algs)) {
		if !slices.ContainsFunc(keys, func(k *key) bool { return k.fits(algs[name]) }) {
			wrong = append(wrong, fmt.Errorf("%s fits none of the keys", name))
		}
	}
	for _, k := range keys {
		if secret, ok := k.public.([]byte); ok {
			wrong = append(wrong, checkSecretLength(secret, algs))
		}
	}
	set, err := newKeySet(keys)
	return set, errors.Join(append(wrong, err)...)
}

// newRemoteKeys does not fetch yet; see [Verifier.start].
func (v *Verifier) newRemoteKeys(o Options, options IssuerOptions, algs map[string]algorithm) *remoteKeys {
	f := fetcher{
		dialer: dialer{network: o.Network, allowPrivate: options.InsecureAllowPrivateNetwork},
		issuer: options.Issuer, jwksURL: options.JWKSURL, algorithms: algs,
	}
	return &remoteKeys{
		fetch: f.fetch, now: o.Now, count: v.countFetch,
		log:   o.Logger.With(slog.String("issuer", options.Issuer)),
		every: o.Refresh, maxStale: o.MaxStale,
	}
}
