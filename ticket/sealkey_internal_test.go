package ticket

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"
)

// TestExpandIsHKDF holds the kept HMAC to the library's HKDF, which takes
// several times as long because it extracts anew for every ticket.
func TestExpandIsHKDF(t *testing.T) {
	key := bytes.Repeat([]byte{7}, SealKeyLen)
	k, err := newSealKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "a", "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"} {
		info := append([]byte{usePayload, 0, 0, 0, 0, 0, 0, 0, byte(len(text))}, text...)
		want, err := hkdf.Key(sha256.New, key, []byte("wsticket seal 1"), string(info), sha256.Size)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.expand(usePayload, text); !bytes.Equal(got[:], want) {
			t.Errorf("expand(%q) = %x, want %x", text, got, want)
		}
	}
}

func TestPartsAndUsesDoNotRunTogether(t *testing.T) {
	k, err := newSealKey(bytes.Repeat([]byte{7}, SealKeyLen))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[sha256.Size]byte]string{}
	for name, out := range map[string][sha256.Size]byte{
		"o ab c": k.expand(useOwner, "ab", "c"), "o a bc": k.expand(useOwner, "a", "bc"),
		"o abc": k.expand(useOwner, "abc"), "p abc": k.expand(usePayload, "abc"), "o abc -": k.expand(useOwner, "abc", ""),
	} {
		if other := seen[out]; other != "" {
			t.Errorf("%q and %q derive the same", name, other)
		}
		seen[out] = name
	}
}
