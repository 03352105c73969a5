package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// keySource has the keys of one issuer. It is safe for concurrent use.
type keySource interface {
	// set returns the keys that are valid at the time, nil if there are none.
	// It does not wait. The same pointer means the same keys.
	set(now time.Time) *keySet
	// renew returns the keys after a fetch, for a token that those of set do
	// not verify. If it is too early for a fetch they are the same.
	renew(ctx context.Context, now time.Time) (*keySet, error)
	// outage is [keysUnavailable] with the reason why set returns nil.
	outage() error
}

// staticKeys come from a file or from Go, and never change.
type staticKeys struct{ keys *keySet }

func (s staticKeys) set(time.Time) *keySet { return s.keys }

func (s staticKeys) renew(context.Context, time.Time) (*keySet, error) { return s.keys, nil }

func (s staticKeys) outage() error { return keysUnavailable }

// sources returns the fields that are set of those that say where keys come
// from.
func (o IssuerOptions) sources() []string {
	var used []string
	for n, set := range []bool{o.JWKSURL != "", o.Discovery, o.PublicKeyFile != "", o.HMACSecretFile != "", len(o.Keys) > 0} {
		if set {
			used = append(used, keySources[n])
		}
	}
	return used
}

// keySources are the fields that say where keys come from.
var keySources = []string{"JWKSURL", "Discovery", "PublicKeyFile", "HMACSecretFile", "Keys"}

// SourceError says that none of the fields that say where an issuer's keys come
// from is set, or several.
type SourceError struct {
	// Used are the fields that are set.
	Used []string
}

// Error names all of them.
func (e *SourceError) Error() string {
	return fmt.Sprintf("exactly one of %s must be set (got %s)",
		strings.Join(keySources, ", "), cmp.Or(strings.Join(e.Used, ", "), "none"))
}

// allowed returns the algorithms by name. If none are configured they are
// those of the keys, or RS256 if the keys are not known yet.
func (o IssuerOptions) allowed(keys []*key) map[string]algorithm {
	names := o.Algorithms
	if len(names) == 0 && len(keys) == 0 {
		names = []string{"RS256"}
	} else if len(names) == 0 {
		for _, k := range keys {
			names = append(names, k.algorithm())
		}
	}
	allowed := make(map[string]algorithm)
	for _, name := range names {
		if a, known := algorithms[name]; known {
			allowed[name] = a
		}
	}
	return allowed
}

// newIssuer reads the keys of a file or from Go, or prepares to fetch them. It
// adds their faults, and expects that validate has added all others.
func (v *Verifier) newIssuer(f *ticket.OptionErrors, field string, o Options, options IssuerOptions) *issuer {
	i := &issuer{
		name: options.Issuer, audience: slices.Clone(options.Audience), typ: options.Type, names: options.ClaimNames,
		profile:     options.Profile,
		maxLifetime: options.MaxLifetime, leeway: options.Leeway, claims: slices.Clone(options.Claims),
		logout: options.Logout, events: options.Events, field: field,
	}
	sources := options.sources()
	if len(sources) != 1 {
		return i
	}
	field += "." + sources[0]
	i.source = field
	keys, err := options.static()
	if err != nil {
		f.Add(field, err)
		return i
	}
	i.algorithms = options.allowed(keys)
	if keys == nil {
		i.keys = v.newRemoteKeys(o, options, i.algorithms)
		return i
	}
	set, err := newStaticSet(keys, i.algorithms)
	f.Add(field, err)
	i.keys = staticKeys{set}
	return i
}

// static returns the keys of a file or from Go, nil if the source is a URL.
func (o IssuerOptions) static() (keys []*key, err error) {
	if o.PublicKeyFile != "" {
		keys, err = readKeyFile(o.PublicKeyFile)
	} else if o.HMACSecretFile != "" {
		var secret *key
		secret, err = readSecretFile(o.HMACSecretFile)
		keys = []*key{secret}
	}
	if err != nil {
		return nil, err // it names the file
	}
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

// algorithmsOf returns the algorithms that keys are for, each once.
func algorithmsOf(keys []*key) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.algorithm())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newStaticSet returns an error if an algorithm fits none of the keys, or a
// secret is too short for one.
func newStaticSet(keys []*key, algs map[string]algorithm) (*keySet, error) {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(algs)) {
		if !slices.ContainsFunc(keys, func(k *key) bool { return k.fits(algs[name]) }) {
			wrong = append(wrong, fmt.Errorf("%s fits none of the keys, which are for %s", name, strings.Join(algorithmsOf(keys), ", ")))
		}
	}
	for _, k := range keys {
		if secret, ok := k.public.([]byte); ok {
			wrong = append(wrong, checkSecretLength(secret, algs))
		}
	}
	if k := clash(keys, algs); k != nil {
		wrong = append(wrong, fmt.Errorf("key \"%s\": %w", ticket.Printable(k.kid), errClash))
	}
	return newKeySet(keys), errors.Join(wrong...)
}

// newRemoteKeys returns keys that [Verifier.Start] begins to fetch, or those that the
// Verifier before fetches already.
func (v *Verifier) newRemoteKeys(o Options, options IssuerOptions, algs map[string]algorithm) *remoteKeys {
	f := fetcher{
		network: o.Network, allowPrivate: options.InsecureAllowPrivateNetwork,
		issuer: options.Issuer, jwksURL: options.JWKSURL, algorithms: algs,
	}
	first := make(chan struct{})
	keys := &remoteKeys{
		fetcher: f, now: o.Now, maxAge: options.JWKSMaxAge,
		log:   o.Logger.With(slog.String("issuer", options.Issuer)),
		first: first, flight: first, wake: make(chan struct{}, 1), early: make(chan struct{}, 1),
		waiting: make(chan struct{}, maxWaiting), holders: 1,
		state: fetchState{since: o.Now(), err: errNotFetched, counts: make(map[string]uint64)},
	}
	if shared := o.Replaces.shared(keys); shared != nil {
		return shared
	}
	return keys
}
