package auth_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"wsticket/auth"
	"wsticket/internal/test"
)

// vectors is a file of test vectors of Project Wycheproof.
type vectors struct {
	NumberOfTests int
	TestGroups    []struct {
		Public, Private json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			// JWS is a text, or in a few tests a JSON serialization.
			JWS    json.RawMessage
			JWE    json.RawMessage
			Result string
		}
	}
}

// TestWycheproof runs the JOSE vectors against the path that a bearer takes:
// the key from a file, then the JWS. The numbers in refused are marked valid and
// are refused.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	const (
		faulty     = "the vector is faulty: "
		emptyClaim = "a JWT has claims (RFC 7519 7.2), a JWS may have an empty payload"
		oneSecret  = "a secret is configured alone, in a file, not in a set"
	)
	for _, row := range []struct {
		file    string
		signed  int // tests that have a JWS
		refused map[int]string
	}{
		{"json_web_signature_test.json", 401, map[int]string{
			346: faulty + "the key says PS256, the header PS384", 350: faulty + "as 346",
			347: faulty + "the key says ES521, which does not exist", 351: faulty + "as 347",
			372: faulty + "the header holds a character that is not base64url", 373: faulty + "so does the payload",
			259: emptyClaim, 264: emptyClaim, 268: emptyClaim, 272: emptyClaim, 320: emptyClaim, 325: emptyClaim,
		}},
		{"json_web_crypto_test.json", 49, map[int]string{48: oneSecret}},
		{"json_web_key_test.json", 26, map[int]string{2: oneSecret}},
	} {
		// Marked invalid, and accepted because they equal a valid one.
		accepted := map[string]map[int]string{"json_web_signature_test.json": {
			367: faulty + "the same bytes as the valid 357", 370: faulty + "the same bytes as the valid 357",
		}}[row.file]
		signed := 0
		file := readVectors(t, row.file)
		for _, group := range file.TestGroups {
			v, keyErr := wycheproofVerifier(t, group.Public, group.Private)
			for _, test := range group.Tests {
				if test.JWS == nil {
					continue
				}
				signed++
				err := keyErr
				if err == nil {
					err = v.VerifyJWS(t.Context(), issuerName, compact(test.JWS))
				}
				want := test.Result == "valid"
				if row.refused[test.TcID] != "" {
					want = false
				}
				if accepted[test.TcID] != "" {
					want = true
				}
				if got := err == nil; got != want {
					t.Errorf("%s %d (%s, %s): got accepted %t, want %t: %v",
						row.file, test.TcID, test.Comment, test.Result, got, want, err)
				}
			}
		}
		if signed != row.signed {
			t.Errorf("%s: got %d tests with a JWS, want %d", row.file, signed, row.signed)
		}
	}
}

func readVectors(t *testing.T, name string) vectors {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatalf("read vectors: %v", err)
	}
	var file vectors
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("decode %s: %v", name, err)
	}
	return file
}

// jwkOrSet is a key, or a set of which the tests for secrets use one.
type jwkOrSet struct {
	KTY, K, Alg string
	Keys        []jwkOrSet
}

// wycheproofVerifier takes the public key from a file, as an operator would,
// or the secret if there is no public key.
func wycheproofVerifier(t *testing.T, public, private json.RawMessage) (*auth.Verifier, error) {
	t.Helper()
	var key jwkOrSet
	if err := json.Unmarshal(private, &key); err != nil {
		t.Fatalf("decode key: %v", err)
	}
	if len(key.Keys) == 1 {
		key = key.Keys[0]
	}
	if public == nil && key.KTY == "oct" {
		return auth.NewWithSecret(issuerName, unb64(t, key.K), key.Alg)
	}
	if public == nil {
		public = private
	}
	v, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{{
		Issuer: issuerName, Audience: []string{audience},
		PublicKeyFile: test.WriteFile(t, "file", string(public)),
	}}})
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	t.Cleanup(v.Close)
	return v, nil
}

// compact returns a text as it is, and anything else as its JSON.
func compact(jws json.RawMessage) string {
	var text string
	if json.Unmarshal(jws, &text) != nil {
		return strings.TrimSpace(string(jws))
	}
	return text
}
