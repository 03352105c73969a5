package ticket_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"os"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// vectors are the cases that the TypeScript client's tests share.
type vectors struct {
	Valid []struct {
		Token string `json:"token"`
		ID    string `json:"id"`
	} `json:"valid"`
	Malformed []struct {
		Rule  string `json:"rule"`
		Token string `json:"token"`
	} `json:"malformed"`
}

func readVectors(tb testing.TB) vectors {
	tb.Helper()
	data, err := os.ReadFile("../testdata/vectors/token.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestParseTokenAcceptsTheOneSpelling(t *testing.T) {
	for _, v := range readVectors(t).Valid {
		token, err := ticket.ParseToken(v.Token)
		if err != nil {
			t.Fatalf("ParseToken(%q): %v", v.Token, err)
		}
		if got := token.Reveal(); got != v.Token {
			t.Errorf("Reveal() = %q, want %q", got, v.Token)
		}
		if got := token.ID(); string(got) != v.ID {
			t.Errorf("ID() of %q = %q, want %q", v.Token, got, v.ID)
		}
	}
}

func TestParseTokenRefusesEveryOtherSpelling(t *testing.T) {
	for _, v := range readVectors(t).Malformed {
		t.Run(v.Rule, func(t *testing.T) {
			token, err := ticket.ParseToken(v.Token)
			if !errors.Is(err, ticket.ErrMalformedToken) {
				t.Fatalf("ParseToken(%.80q) = %v, want ErrMalformedToken", v.Token, err)
			}
			if !token.IsZero() {
				t.Error("a refused token is not zero")
			}
			if len(v.Token) > 8 && strings.Contains(err.Error(), v.Token[5:]) {
				t.Errorf("the error repeats the input: %v", err)
			}
		})
	}
}

// issueTokens makes n tokens by issuing tickets.
func issueTokens(tb testing.TB, n int) []string {
	tb.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = memory.Close() })
	service := mustNew(tb, ticket.Options{Store: memory})
	tokens := make([]string, n)
	for i := range tokens {
		issued, err := service.Issue(tb.Context(), ticket.Request{Identity: test.Alice()})
		if err != nil {
			tb.Fatal(err)
		}
		tokens[i] = issued.Token.Reveal()
	}
	return tokens
}

func TestTokensAreUniqueAndUnbiased(t *testing.T) {
	const n = 20_000
	seen := make(map[string]bool, n)
	var ones [256]int
	for _, s := range issueTokens(t, n) {
		if seen[s] {
			t.Fatal("a token was drawn twice")
		}
		seen[s] = true
		if _, err := ticket.ParseToken(s); err != nil {
			t.Fatalf("our own token does not parse: %v", err)
		}
		count(t, &ones, s)
	}
	// A fair bit stays within six standard deviations: sqrt(n)/2 each.
	const allowed = 6 * 71
	for bit, got := range ones {
		if got < n/2-allowed || got > n/2+allowed {
			t.Errorf("bit %d is set in %d of %d tokens", bit, got, n)
		}
	}
}

func count(t *testing.T, ones *[256]int, token string) {
	t.Helper()
	entropy, err := base64.RawURLEncoding.DecodeString(token[5:48])
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range entropy {
		for b != 0 {
			ones[i*8+bits.TrailingZeros8(b)]++
			b &= b - 1
		}
	}
}

func TestSecretsPrintNowhere(t *testing.T) {
	const text = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh82rkBqJ"
	v := readVectors(t).Valid[0].Token
	token, err := ticket.ParseToken(v)
	if err != nil {
		t.Fatal(err)
	}
	bearer := ticket.NewBearer(text)
	type hidden struct {
		token  ticket.Token
		bearer ticket.Bearer
	}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, value := range []any{token, &token, bearer, hidden{token, bearer}, []ticket.Token{token}, map[string]ticket.Bearer{"b": bearer}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		log.Info("value", "value", value)
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(encoded)
	}
	for _, secret := range []string{v[5:], text[5:], fmt.Sprintf("%x", v), fmt.Sprintf("%x", text)} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%.12s… shows in the output", secret)
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing says that something was redacted")
	}
}

func TestZeroTokenIsNobodys(t *testing.T) {
	var token ticket.Token
	if !token.IsZero() || token.Reveal() != "" {
		t.Errorf("the zero token reveals %q", token.Reveal())
	}
}

func TestParseID(t *testing.T) {
	good := readVectors(t).Valid[0].ID
	if id, err := ticket.ParseID(good); err != nil || string(id) != good {
		t.Errorf("ParseID(%q) = %q, %v", good, id, err)
	}
	for rule, s := range map[string]string{
		"empty":                    "",
		"one character short":      good[1:],
		"one character long":       good + "A",
		"a character of no base64": good[:21] + "*",
		"a path":                   "../../../../etc/passwd",
	} {
		if _, err := ticket.ParseID(s); !errors.Is(err, ticket.ErrNotFound) {
			t.Errorf("%s: ParseID = %v, want ErrNotFound", rule, err)
		}
	}
	if _, err := ticket.ParseID(string(ticket.NewID())); err != nil {
		t.Errorf("NewID makes an ID that does not parse: %v", err)
	}
}

// FuzzParseToken: each token has one spelling. Text that parses is the token's
// own text, and no change of one byte parses.
func FuzzParseToken(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Valid {
		f.Add(c.Token)
	}
	for _, c := range v.Malformed {
		f.Add(c.Token)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ticket.ParseToken(s)
		if err != nil {
			if !errors.Is(err, ticket.ErrMalformedToken) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if token.Reveal() != s || len(s) != ticket.TokenLen {
			t.Fatalf("parsed %q into %q", s, token.Reveal())
		}
		for i := range s {
			changed := s[:i] + string(s[i]^1) + s[i+1:]
			if _, err := ticket.ParseToken(changed); err == nil {
				t.Fatalf("both %q and %q parse", s, changed)
			}
		}
	})
}
