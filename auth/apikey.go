package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Scopes lists what an API key may be for: to redeem tickets on behalf of
// clients, to look at them, to revoke, and to read what is going on.
func Scopes() []string { return []string{"consume", "introspect", "revoke", "read"} }

// APIKey is one key of a caller of the internal listener.
type APIKey struct {
	// Name is the caller, 1 to 64 of letters, digits, ".", "_" and "-". Two
	// keys may have one name: the old one and the new one, while they are
	// being exchanged.
	Name string
	// SHA256 is the digest of the key in lower-case hex; the key itself is
	// not kept.
	SHA256 string
	// Scopes are some of [Scopes], at least one.
	Scopes []string
}

// Keyring knows the API keys. It does not change once made, so it is safe for
// concurrent use. A nil Keyring knows none.
type Keyring struct{ keys []heldKey }

type heldKey struct {
	digest [sha256.Size]byte
	name   string
	scopes []string
}

// keyName has no blank and no colon, so that a name cannot be mistaken for
// two, or for what another kind of caller is called.
var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// NewKeyring returns a Keyring, or an error that lists every fault of keys.
// No fault repeats a digest: it may be the key itself, put there by mistake.
func NewKeyring(keys []APIKey) (*Keyring, error) {
	ring := &Keyring{keys: make([]heldKey, len(keys))}
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	seen := make(map[string]bool)
	for n, key := range keys {
		check(keyName.MatchString(key.Name), "api_keys[%d].name: must be 1 to 64 letters, digits, dots, underscores and hyphens (got %q)", n, key.Name)
		digest, ok := parseDigest(key.SHA256)
		check(ok, "api_keys[%d].sha256: must be 64 characters of lower-case hex", n)
		check(!ok || !seen[key.SHA256], "api_keys[%d].sha256: is that of another key", n)
		seen[key.SHA256] = true
		check(len(key.Scopes) > 0, "api_keys[%d].scopes: must not be empty", n)
		for _, scope := range key.Scopes {
			check(slices.Contains(Scopes(), scope), "api_keys[%d].scopes: no such scope (got %q)", n, scope)
		}
		ring.keys[n] = heldKey{digest, key.Name, slices.Clone(key.Scopes)}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return ring, nil
}

func parseDigest(text string) (digest [sha256.Size]byte, ok bool) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != sha256.Size || hex.EncodeToString(data) != text {
		return digest, false
	}
	return [sha256.Size]byte(data), true
}

// Lookup tells whose a key is and what it may be used for. It takes as long
// for every key, known or not, and wherever in the ring it stands.
func (k *Keyring) Lookup(key string) (name string, scopes []string, ok bool) {
	if k == nil {
		return "", nil, false
	}
	digest := sha256.Sum256([]byte(key))
	found := -1
	for n := range k.keys {
		same := subtle.ConstantTimeCompare(digest[:], k.keys[n].digest[:])
		found = subtle.ConstantTimeSelect(same, n, found)
	}
	if found < 0 {
		return "", nil, false
	}
	return k.keys[found].name, slices.Clone(k.keys[found].scopes), true
}
