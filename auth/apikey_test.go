package auth_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"wsticket/auth"
)

func digestOf(key string) string {
	digest := sha256.Sum256([]byte(key))
	return hex.EncodeToString(digest[:])
}

func TestKeyring(t *testing.T) {
	longKey := strings.Repeat("k", 4<<10)
	ring, err := auth.NewKeyring([]auth.APIKey{
		{"chat", digestOf("old"), []string{"consume"}, nil},
		{"chat", digestOf("new"), []string{"consume", "introspect"}, nil},
		{"ops.1", digestOf("ops"), auth.Scopes(), []string{"admin"}},
		{"long", digestOf(longKey), []string{"read"}, nil},
		{"longer", digestOf(longKey + "k"), []string{"read"}, nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		rule, key, name string
		scopes          []string
	}{
		{"the first", "old", "chat", []string{"consume"}},
		{"a second key of one name, while they are exchanged", "new", "chat", []string{"consume", "introspect"}},
		{"the last", "ops", "ops.1", []string{"consume", "introspect", "revoke", "read"}},
		{"unknown", "wrong", "", nil},
		{"empty", "", "", nil},
		{"a digest is no key", digestOf("old"), "", nil},
		{"another case", "OLD", "", nil},
		{"a blank behind", "old ", "", nil},
		{"4 KiB", longKey, "long", []string{"read"}},
		{"more, which is not even hashed", longKey + "k", "", nil},
	} {
		got, ok := ring.Lookup(row.key)
		if got.Name != row.name || !slices.Equal(got.Scopes, row.scopes) || ok != (row.name != "") {
			t.Errorf("%s: got %+v, %v, want %q, %q", row.rule, got, ok, row.name, row.scopes)
		}
	}
	ops, _ := ring.Lookup("ops")
	if chat, _ := ring.Lookup("old"); !slices.Equal(ops.Audiences, []string{"admin"}) || chat.Audiences != nil {
		t.Errorf("got audiences %q and %q, want admin, and none", ops.Audiences, chat.Audiences)
	}
	ops.Scopes[0], ops.Audiences[0] = "all", "chat"
	if again, _ := ring.Lookup("ops"); again.Scopes[0] != "consume" || again.Audiences[0] != "admin" {
		t.Errorf("a caller has changed the key to %+v", again)
	}
}

func TestNoKeyring(t *testing.T) {
	empty, err := auth.NewKeyring(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range []*auth.Keyring{nil, empty} {
		if got, ok := ring.Lookup(""); ok {
			t.Errorf("got %+v, want nobody", got)
		}
	}
}

func TestKeyringListsEveryFault(t *testing.T) {
	_, err := auth.NewKeyring([]auth.APIKey{
		{"", "the-key-itself", nil, nil},
		{"a b", strings.ToUpper(digestOf("x")), []string{"write"}, nil},
		{"good", digestOf("y"), []string{"read"}, nil},
		{strings.Repeat("n", 65), digestOf("y"), []string{"read", ""}, nil},
		{"cert:chat", digestOf("z") + "\n", []string{"read"}, nil},
		{"twice", digestOf("t"), []string{"read"}, []string{"chat", "", "chat"}},
	})
	want := strings.Join([]string{
		`auth: Keys[0].Name: must be 1 to 64 letters, digits, dots, underscores and hyphens (got "")`,
		`auth: Keys[0].SHA256: must be 64 characters of lower-case hex, as printf %s KEY | sha256sum prints them (got 14 characters that are no digest, perhaps the key itself)`,
		`auth: Keys[0].Scopes: must list at least one of consume, introspect, revoke, read`,
		`auth: Keys[1].Name: must be 1 to 64 letters, digits, dots, underscores and hyphens (got "a b")`,
		`auth: Keys[1].SHA256: must be 64 characters of lower-case hex, as printf %s KEY | sha256sum prints them (got one in capital letters: write them small)`,
		`auth: Keys[1].Scopes: must be of consume, introspect, revoke, read (got "write")`,
		`auth: Keys[3].Name: must be 1 to 64 letters, digits, dots, underscores and hyphens (got "` + strings.Repeat("n", 65) + `")`,
		`auth: Keys[3].SHA256: is that of another key`,
		`auth: Keys[3].Scopes: must be of consume, introspect, revoke, read (got "")`,
		`auth: Keys[4].Name: must be 1 to 64 letters, digits, dots, underscores and hyphens (got "cert:chat")`,
		`auth: Keys[4].SHA256: must be 64 characters of lower-case hex, as printf %s KEY | sha256sum prints them (got 65 characters that are no digest, perhaps the key itself)`,
		`auth: Keys[5].Audiences: must be names of audiences, each once (got "")`,
		`auth: Keys[5].Audiences: must be names of audiences, each once (got "chat")`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What sha256sum prints behind a digest is named, and nothing of the text shown.
func TestPastedDigests(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]string{
		digest + "  -":       "the - that sha256sum prints behind it",
		digest + "  key.txt": "the name of a file behind it",
		"":                   "got nothing",
	} {
		_, err := auth.NewKeyring([]auth.APIKey{{Name: "a", SHA256: text, Scopes: []string{"read"}}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digest[:8]) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
