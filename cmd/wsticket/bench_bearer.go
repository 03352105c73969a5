package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxBearers bounds a file of bearers, in bytes.
const maxBearers = 1 << 20

// bearerShape is that of RFC 6750 2.1. What is outside of it would end the
// header line.
var bearerShape = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// readBearers reads one bearer a line. No message repeats a line.
func readBearers(file string, stdin io.Reader) ([]string, error) {
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--bearer-file: %w", err)
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	text, err := io.ReadAll(io.LimitReader(from, maxBearers+1))
	if err != nil {
		return nil, fmt.Errorf("--bearer-file: %w", err)
	}
	if len(text) > maxBearers {
		return nil, fmt.Errorf("--bearer-file: %s: must be at most 1 MiB", file)
	}
	var bearers []string
	for n, line := range strings.Split(string(text), "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case !bearerShape.MatchString(line):
			return nil, fmt.Errorf("--bearer-file: %s:%d: not a bearer", file, n+1)
		default:
			bearers = append(bearers, line)
		}
	}
	if len(bearers) == 0 {
		return nil, fmt.Errorf("--bearer-file: %s: no bearer in it", file)
	}
	return bearers, nil
}

// benchBearers is how long the bearers that bench signs are good: longer than
// three storms of an hour with all that belongs to them.
const benchBearers = 5 * time.Hour

// signWithFile signs by the key in a file.
func signWithFile(cfg Config, file string, callers int) ([]string, error) {
	if len(cfg.Issuers) == 0 {
		return nil, errors.New("--key: the configuration has no issuer")
	}
	reader := tokenCmd{Key: file}
	if cfg.Issuers[0].HMACSecretFile != "" {
		reader.Algorithm = "HS256"
	}
	if err := reader.refuseOtherKeys(cfg); err != nil {
		return nil, err
	}
	key, err := reader.loadKey()
	if err != nil {
		return nil, err
	}
	return signBearers(cfg, key, callers)
}

// signBearers makes a bearer for each caller, of a subject of its own, as the
// first issuer of the configuration would. There is one.
func signBearers(cfg Config, key any, callers int) ([]string, error) {
	issuer := cfg.Issuers[0]
	spec := bearerSpec{
		Issuer: issuer.Issuer, Audience: issuer.Audience[:1], TTL: benchBearers,
		Type: "at+jwt", Algorithm: defaultAlgorithm(key),
	}
	if issuer.MaxLifetime > 0 {
		spec.TTL = min(spec.TTL, issuer.MaxLifetime)
	}
	if issuer.Type != "" && issuer.Type != "any" {
		spec.Type = issuer.Type
	}
	if allowed := issuer.Algorithms; len(allowed) > 0 && !slices.Contains(allowed, spec.Algorithm) {
		spec.Algorithm = allowed[0]
	}
	var bearers []string
	for n := range callers {
		spec.Subject = fmt.Sprintf("bench-%d", n+1)
		bearer, err := signBearer(key, spec, time.Now())
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		bearers = append(bearers, bearer)
	}
	return bearers, nil
}
