package auth

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"wsticket/internal/keyfile"
)

var (
	errPublicSecret = errors.New("is an example from public documentation")
	errFewBytes     = errors.New("holds fewer than 8 different bytes, must be random (openssl rand -base64 32)")
	errPEMSecret    = errors.New("is a PEM file; a public key is not a secret")
)

// readSecretFile reads an HMAC secret: the bytes of the file as they are, but
// for one line break at the end, which editors and shells add.
func readSecretFile(path string) (*key, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	if line, found := bytes.CutSuffix(data, []byte("\n")); found {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	return &key{public: data}, keyfile.In(path, checkSecret(data))
}

// checkSecret refuses secrets that can be guessed. The required length depends
// on the algorithm; see [checkSecretLength].
func checkSecret(secret []byte) error {
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return errPEMSecret
	}
	distinct := make(map[byte]bool)
	for _, b := range secret {
		distinct[b] = true
	}
	const enough = 8 // 32 random bytes, in whatever encoding, have more
	if len(distinct) < enough {
		return errFewBytes
	}
	if slices.Contains(publicSecrets, string(secret)) {
		return errPublicSecret
	}
	return nil
}

// checkSecretLength applies RFC 7518 3.2: a secret is at least as long as the
// hash of each algorithm that it is for.
func checkSecretLength(secret []byte, algs map[string]algorithm) error {
	for _, name := range slices.Sorted(maps.Keys(algs)) {
		if least := algs[name].secret; len(secret) < least {
			return fmt.Errorf("%s needs a secret of at least %d bytes (got %d)", name, least, len(secret))
		}
	}
	return nil
}

// publicSecrets are long enough for HS256, and stand in the documentation or the
// default configuration of well-known projects.
var publicSecrets = []string{
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-384-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	"super-secret-jwt-token-with-at-least-32-characters-long",
	"your-super-secret-jwt-token-with-at-least-32-characters-long",
	"reallyreallyreallyreallyverysafe",
	"your-256-bit-secret-your-256-bit-secret",
	"this-is-a-very-long-secret-key-for-jwt-signing",
	"3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
