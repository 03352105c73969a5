package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wsticket/ticket"
)

const maxKeys = 100

var (
	errNotSet  = errors.New(`JSON without a list "keys"`)
	errTooMany = errors.New("more than 100 keys")
	errNoKey   = errors.New("no usable key")
	errClash   = errors.New("another key has the same kid and fits the same algorithm, so that neither is used for it")
	errTwin    = errors.New("its private key is in the same set")
)

// SkippedKey is an entry of a key set that is not used.
type SkippedKey struct {
	// ID is its kid, made printable; empty if it has none, or none that can be
	// read.
	ID string
	// Position is its place in the set, from 1.
	Position int
	// Fault is why. Its text holds nothing of the entry.
	Fault error
	// Harmless reports that the entry is only meant for something else, such as
	// encryption, or for an algorithm that the issuer may not use.
	Harmless bool
}

// String names the entry and says why it is not used.
func (s SkippedKey) String() string {
	if s.ID == "" {
		return fmt.Sprintf("key %d: %v", s.Position, s.Fault)
	}
	return fmt.Sprintf("key %q: %v", s.ID, s.Fault)
}

// readSet is what the entries of a key set turned out to be.
type readSet struct {
	keys    []*key
	skipped []SkippedKey
	leaked  []*key // whose private halves are in the set
}

// readJWKs reads a JWK set (RFC 7517 5), or a single JWK where that is allowed.
// An entry that cannot be used does not spoil the others.
func readJWKs(data []byte, allowSingle bool) (readSet, error) {
	var read readSet
	entries, err := jwkEntries(data, allowSingle)
	if err != nil {
		return read, err
	}
	for n, entry := range entries {
		read.add(n+1, entry)
	}
	read.keys = slices.DeleteFunc(read.keys, func(k *key) bool {
		twin := slices.ContainsFunc(read.leaked, func(l *key) bool { return k.is(l.public) })
		if twin {
			read.skip(SkippedKey{ID: ticket.Printable(k.kid), Position: k.position, Fault: errTwin})
		}
		return twin
	})
	return read, nil
}

// jwkEntries returns the entries of a set as they are.
func jwkEntries(data []byte, allowSingle bool) ([]json.RawMessage, error) {
	set, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	if allowSingle && set.has("kty") {
		return []json.RawMessage{bytes.TrimPrefix(data, byteOrderMark)}, nil
	}
	entries, err := set.list("keys")
	switch {
	case err != nil:
		return nil, err
	case entries == nil && set.members["keys"] == nil:
		return nil, errNotSet
	case len(entries) > maxKeys:
		return nil, errTooMany
	}
	return entries, nil
}

// add reads one entry.
func (r *readSet) add(position int, entry json.RawMessage) {
	skipped := SkippedKey{Position: position}
	document, err := parseDocument(entry)
	if string(entry) == "null" {
		err = errNull
	}
	if err != nil {
		skipped.Fault = err
		r.skip(skipped)
		return
	}
	j := jwk{document}
	k, err := j.key()
	if err == nil {
		k.position = position
		r.keys = append(r.keys, k)
		return
	}
	if public, unreadable := j.public(); errors.Is(err, errPrivate) && unreadable == nil {
		r.leaked = append(r.leaked, &key{public: public})
	}
	kid, _ := j.kid()
	skipped.ID, skipped.Fault = ticket.Printable(kid), err
	r.skip(skipped)
}

func (r *readSet) skip(s SkippedKey) {
	_, s.Harmless = errors.AsType[notForUs](s.Fault)
	r.skipped = append(r.skipped, s)
}

// remoteSet reads a JWK set that came from a URL. Entries that cannot be used
// are left out, and listed.
func remoteSet(data []byte, algs map[string]algorithm) (*keySet, []SkippedKey, error) {
	read, err := readJWKs(data, false)
	if err != nil {
		return nil, nil, err
	}
	if err := read.fitting(algs); err != nil {
		return nil, read.skipped, err
	}
	if k := clash(read.keys, algs); k != nil {
		read.skip(SkippedKey{ID: ticket.Printable(k.kid), Position: k.position, Fault: errClash})
	}
	return newKeySet(read.keys), read.skipped, nil
}

// fitting drops the keys that fit none of the algorithms. Without a key that is
// left it returns an error that says why.
func (r *readSet) fitting(algs map[string]algorithm) error {
	r.keys = slices.DeleteFunc(r.keys, func(k *key) bool {
		if k.fitsAny(algs) {
			return false
		}
		r.skip(SkippedKey{ID: ticket.Printable(k.kid), Position: k.position, Fault: notAmong(k.algorithm(), algs)})
		return true
	})
	if len(r.keys) > 0 {
		return nil
	}
	return r.none()
}

func notAmong(alg string, algs map[string]algorithm) error {
	return notForUs(fmt.Sprintf("for %s, which is not among the algorithms of the issuer (%s)",
		alg, strings.Join(slices.Sorted(maps.Keys(algs)), ", ")))
}

// none is the error of a set without a usable key, with the first few reasons.
func (r *readSet) none() error {
	if len(r.skipped) == 0 {
		return fmt.Errorf("%w: the set is empty", errNoKey)
	}
	const shown = 3
	reasons := make([]string, 0, shown)
	for _, s := range r.skipped[:min(shown, len(r.skipped))] {
		reasons = append(reasons, s.String())
	}
	more := ""
	if n := len(r.skipped) - shown; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return fmt.Errorf("%w: %s%s", errNoKey, strings.Join(reasons, "; "), more)
}
