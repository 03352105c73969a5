package auth

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"wsticket/internal/maskurl"
	"wsticket/ticket"
)

// KeyReport is what an issuer publishes about its keys.
type KeyReport struct {
	Issuer string
	// Discovery is the address of its discovery document, empty if none is
	// asked for; URL that of its key set, empty if it was not found. Both are
	// shown with "…" in place of a query, and empty for keys of a file or from Go.
	Discovery, URL string
	// Keys are those that bearers can be verified with, in the order of the set.
	Keys []KeyInfo
	// Skipped are the entries that are not used, and why.
	Skipped []SkippedKey
	// Err is why there are no keys, nil if there are. Its text is safe to
	// print and names host and cause.
	Err error
}

// KeyInfo describes a key.
type KeyInfo struct {
	// ID is its kid, made printable; empty if it has none.
	ID string
	// Algorithms are those that it may be used with, sorted.
	Algorithms []string
}

// String returns the kid and the algorithms, such as "k1 (RS256)".
func (k KeyInfo) String() string {
	return cmp.Or(k.ID, "no kid") + " (" + strings.Join(k.Algorithms, ", ") + ")"
}

// ProbeKeys asks each issuer for its discovery document and key set, once and
// all at the same time, and says what was found, by the issuer's name. It takes
// at most 5 s, and changes nothing in the Verifier, which need not have been
// started.
func (v *Verifier) ProbeKeys(ctx context.Context) []KeyReport {
	names := slices.Sorted(maps.Keys(v.issuers))
	reports := make([]KeyReport, len(names))
	var asked sync.WaitGroup
	for n, name := range names {
		asked.Go(func() { reports[n] = v.issuers[name].probe(ctx) })
	}
	asked.Wait()
	return reports
}

// probe reports what the issuer has.
func (i *issuer) probe(ctx context.Context) KeyReport {
	report := KeyReport{Issuer: i.name}
	var set *keySet
	switch keys := i.keys.(type) {
	case staticKeys:
		set = keys.keys
	case *remoteKeys:
		found, err := keys.fetcher.fetch(ctx)
		if keys.fetcher.jwksURL == "" {
			report.Discovery = maskurl.Hide(discoveryURL(i.name))
		}
		report.URL, report.Skipped, report.Err = maskurl.Hide(found.url), found.skipped, err
		set = found.set
	}
	if set == nil {
		return report
	}
	for _, k := range set.keys {
		report.Keys = append(report.Keys, KeyInfo{ID: ticket.Printable(k.kid), Algorithms: k.algorithms(i.algorithms)})
	}
	return report
}

// algorithms returns the names of those that the key fits.
func (k *key) algorithms(algs map[string]algorithm) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(algs)) {
		if k.fits(algs[name]) {
			names = append(names, name)
		}
	}
	return names
}
