package auth_test

import (
	"crypto"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
)

// TestBearerSize: 8 KiB are accepted, one byte more is not.
func TestBearerSize(t *testing.T) {
	t.Parallel()
	v := edVerifier(t)
	const bound = 8 << 10
	sized := func(padding int) string {
		return sign(t, edKey(), goodClaims().with("x", strings.Repeat("x", padding)))
	}
	padding := bound / 2
	for len(sized(padding+1)) <= bound {
		padding++
	}
	check(t, v, "the largest", sized(padding), "ok")
	check(t, v, "a larger one", sized(padding+2), "bearer_malformed")
}

// TestKeyBounds: a key set just within the bounds is accepted.
func TestKeyBounds(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", 128)
	hundred := []object{publicJWK(t, edKey(), "kid", longest)}
	for n := range 99 {
		hundred = append(hundred, publicJWK(t, edOther(), "kid", fmt.Sprint(n)))
	}
	set := jwks(t, hundred...)
	server := newKeyServer(t, strings.Repeat(" ", 1<<20-len(set))+set)
	v := server.verifier(t, "EdDSA")
	check(t, v, "1 MiB, 100 keys, a kid of 128 bytes", sign(t, edKey(), goodClaims(), "kid", longest), "ok")
	check(t, v, "one of the others", sign(t, edOther(), goodClaims(), "kid", "98"), "ok")
}

// TestReasons: metrics take the words as labels.
func TestReasons(t *testing.T) {
	t.Parallel()
	words := auth.Reasons()
	slices.Sort(words)
	if len(slices.Compact(slices.Clone(words))) != len(words) {
		t.Errorf("got %v, want each word once", words)
	}
	for _, word := range words {
		if word != "keys_unavailable" && !strings.HasPrefix(word, "bearer_") && !strings.HasPrefix(word, "session_") {
			t.Errorf("got %q, want bearer_…, session_… or keys_unavailable", word)
		}
	}
	words[0] = "changed"
	if slices.Contains(auth.Reasons(), "changed") {
		t.Error("Reasons returned the same list twice")
	}
}

// TestDiscoveredKeysMove: each refresh looks up the address of the keys again.
func TestDiscoveredKeysMove(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, "")
	var path atomic.Value
	path.Store("/one")
	sets := map[string]string{
		"/one": jwks(t, publicJWK(t, edKey(), "kid", "a")), "/two": jwks(t, publicJWK(t, edOther(), "kid", "b")),
	}
	server.handle(func(w http.ResponseWriter, r *http.Request) {
		body := sets[r.URL.Path]
		if body == "" {
			body = toJSON(t, object{"issuer": server.url, "jwks_uri": fmt.Sprint(server.url, path.Load())})
		}
		_, _ = io.WriteString(w, body)
	})
	var passed atomic.Int64
	v := mustNew(t, auth.Options{
		Now: func() time.Time { return now.Add(time.Duration(passed.Load())) }, Network: server.network,
		Issuers: []auth.IssuerOptions{{Issuer: server.url, Discovery: true, Algorithms: []string{"EdDSA"}}},
	})
	claims := goodClaims().with("iss", server.url)
	check(t, v, "at the first address", sign(t, edKey(), claims, "kid", "a"), "ok")
	path.Store("/two")
	passed.Store(int64(time.Minute))
	check(t, v, "at the second, found by an unknown kid", sign(t, edOther(), claims, "kid", "b"), "ok")
	check(t, v, "what was only at the first", sign(t, edKey(), claims, "kid", "a"), "bearer_key_unknown")
}

// TestKeysOfOneIssuerDoNotMix: with several keys, each algorithm has its own.
// By default a key stands for one algorithm.
func TestKeysOfOneIssuerDoNotMix(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{
		rsaKey().Public(), p256Key().Public(), p384Key().Public(), p521Key().Public(), edKey().Public(),
	}})
	for _, key := range []crypto.Signer{rsaKey(), p256Key(), p384Key(), p521Key(), edKey()} {
		check(t, v, fmt.Sprintf("%T without a kid", key), sign(t, key, goodClaims()), "ok")
		check(t, v, fmt.Sprintf("%T with a kid, where keys have no names", key), sign(t, key, goodClaims(), "kid", "x"), "ok")
	}
	check(t, v, "another key of a known type", sign(t, rsaOther(), goodClaims()), "bearer_signature")
	check(t, v, "an RSA key stands for RS256 alone", signWith(t, jwt.SigningMethodPS256, rsaKey(), goodClaims()), "bearer_algorithm")
	two := newVerifier(t, auth.IssuerOptions{Keys: []crypto.PublicKey{rsaKey().Public(), rsaOther().Public()}})
	check(t, two, "R38 two keys that fit, no names", sign(t, rsaKey(), goodClaims()), "bearer_key_ambiguous")
	check(t, two, "R38 also with a kid, which names neither", sign(t, rsaKey(), goodClaims(), "kid", "x"), "bearer_key_ambiguous")
}
