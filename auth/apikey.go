package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wsticket/ticket"
)

// Scopes returns what an API key may be for: to redeem tickets on behalf of
// clients, to look at them, to revoke, and to read metrics and connections. The caller
// owns the list.
func Scopes() []string { return slices.Clone(scopes) }

var scopes = []string{"consume", "introspect", "revoke", "read"}

// APIKey is one key of a caller of the internal listener.
type APIKey struct {
	// Name names the caller by 1 to 64 letters, digits, ".", "_" and "-". Two
	// keys may have one name, such as the old and the new one while they are
	// being exchanged.
	Name string
	// SHA256 is the SHA-256 of the key in lower-case hex. The key itself is
	// not kept.
	SHA256 string
	// Scopes are some of [Scopes], at least one.
	Scopes []string
	// Audiences are the audiences of the tickets that the key is for. None: all.
	Audiences []string
}

// Keyring holds API keys. It never changes, and is safe for concurrent use. A
// nil Keyring holds none.
type Keyring struct{ keys []heldKey }

type heldKey struct {
	digest [sha256.Size]byte
	holder ticket.Keyholder
}

// keyName has no blank and no colon, so that a name cannot be mistaken for
// two, or for the name of another kind of caller.
var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// NewKeyring returns a Keyring, or an error that joins a [ticket.OptionError]
// for each fault of keys, with a Field such as "Keys[1].SHA256". No fault
// repeats a digest: it may be the key itself, put there by mistake.
func NewKeyring(keys []APIKey) (*Keyring, error) {
	ring := &Keyring{keys: make([]heldKey, len(keys))}
	faults := ticket.OptionErrors{Package: "auth"}
	seen := make(map[string]bool)
	for n, key := range keys {
		field := fmt.Sprintf("Keys[%d]", n)
		faults.Check(keyName.MatchString(key.Name), field+".Name", "must be 1 to 64 letters, digits, dots, underscores and hyphens (got %q)", key.Name)
		digest, ok := parseDigest(key.SHA256)
		faults.Check(ok, field+".SHA256", "must be 64 characters of lower-case hex, as printf %%s KEY | sha256sum prints them (got %s)", shapeOf(key.SHA256))
		faults.Check(!ok || !seen[key.SHA256], field+".SHA256", "is that of another key")
		seen[key.SHA256] = true
		faults.Check(len(key.Scopes) > 0, field+".Scopes", "must list at least one of %s", strings.Join(scopes, ", "))
		for _, scope := range key.Scopes {
			faults.Check(slices.Contains(scopes, scope), field+".Scopes", "must be of %s (got %q)", strings.Join(scopes, ", "), scope)
		}
		for i, audience := range key.Audiences {
			faults.Check(audience != "" && !slices.Contains(key.Audiences[:i], audience), field+".Audiences", "must be names of audiences, each once (got %q)", audience)
		}
		ring.keys[n] = heldKey{digest, ticket.Keyholder{Name: key.Name, Scopes: key.Scopes, Audiences: key.Audiences}.Clone()}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return ring, nil
}

// shapeOf says what is wrong with a text that is no digest, without any of it: it
// may be the key itself.
func shapeOf(text string) string {
	word, rest, more := strings.Cut(text, " ")
	lower := strings.ToLower(word)
	switch _, ok := parseDigest(lower); {
	case text == "":
		return "nothing"
	case ok && more && strings.Trim(rest, " *-") == "":
		return "a digest and the - that sha256sum prints behind it: leave that out"
	case ok && more:
		return "a digest and the name of a file behind it: leave that out"
	case ok && lower != word:
		return "one in capital letters: write them small"
	default:
		return fmt.Sprintf("%d characters that are no digest, perhaps the key itself", len(text))
	}
}

func parseDigest(text string) (digest [sha256.Size]byte, ok bool) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != sha256.Size || hex.EncodeToString(data) != text {
		return digest, false
	}
	return [sha256.Size]byte(data), true
}

// maxKey bounds a key in bytes, so that a guess costs one short hash.
const maxKey = 4 << 10

// Lookup returns the holder of a key of at most 4 KiB. It takes the same time for
// every key of a length, known or not, and wherever it stands in the ring. The
// caller owns the result.
func (k *Keyring) Lookup(key string) (holder ticket.Keyholder, ok bool) {
	if k == nil || len(key) > maxKey {
		return ticket.Keyholder{}, false
	}
	digest := sha256.Sum256([]byte(key))
	found := -1
	for n := range k.keys {
		same := subtle.ConstantTimeCompare(digest[:], k.keys[n].digest[:])
		found = subtle.ConstantTimeSelect(same, n, found)
	}
	if found < 0 {
		return ticket.Keyholder{}, false
	}
	return k.keys[found].holder.Clone(), true
}
