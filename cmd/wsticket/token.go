package main

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"wsticket/auth"
	"wsticket/internal/layered"
)

// minSecret is the length of the shortest HS256 secret in bytes (RFC 7518 3.2).
const minSecret = 32

type tokenCmd struct {
	Sub       string        `required:"" placeholder:"NAME" help:"Subject: who the bearer speaks for."`
	Key       string        `required:"" placeholder:"FILE" help:"Private key (PEM), or the shared secret with --algorithm HS256."`
	Issuer    string        `placeholder:"URL" help:"The iss claim. Default: the first issuer of the configuration; without one, wsticket-token."`
	Audience  []string      `placeholder:"NAME" help:"The aud claim; may be repeated. Default: the first audience of that issuer; without one, none."`
	TTL       time.Duration `name:"ttl" default:"1h" help:"Lifetime (default: 1h)."`
	Claim     []string      `sep:"none" placeholder:"K=V" help:"Further claim; JSON values are taken as such. May be repeated."`
	KeyID     string        `name:"kid" placeholder:"ID" help:"The kid header."`
	Algorithm string        `placeholder:"ALG" help:"Signature algorithm. Default: that of the key."`
	Type      string        `default:"at+jwt" help:"The typ header (default: at+jwt, RFC 9068)."`
	Config    string        `short:"c" placeholder:"FILE" help:"Configuration file, for defaults and to know its keys."`
}

// Run prints the bearer on standard output, and nothing else.
func (c *tokenCmd) Run(w world) error {
	cfg, err := c.loadConfig(w)
	if err != nil {
		return err
	}
	if err := c.refuseOtherKeys(cfg); err != nil {
		return err
	}
	key, err := c.loadKey()
	if err != nil {
		return err
	}
	if signsAssertions(cfg, key) {
		return errors.New("token: key: is one of identity.assertion_key_file of the configuration; a key has one purpose")
	}
	spec, err := c.spec(cfg)
	if err != nil {
		return err
	}
	signed, err := signBearer(key, spec, time.Now())
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	_, err = fmt.Fprintln(w.Stdout, signed)
	return err
}

// loadConfig reads the file where one is given. It need not be valid in all:
// this command looks at issuers and key files only.
func (c *tokenCmd) loadConfig(w world) (Config, error) {
	cfg := defaultConfig()
	name := c.Config
	if name == "" {
		name = w.getenv(configEnv)
	}
	if name == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return cfg, layered.Load(&cfg, layered.Sources{FileName: name, File: text})
}

// refuseOtherKeys keeps a key from being used for two purposes: a signature
// for one would be good for the other.
func (c *tokenCmd) refuseOtherKeys(cfg Config) error {
	mine, err := os.Stat(c.Key)
	if err != nil {
		return fmt.Errorf("token: key: %w", err)
	}
	for setting, name := range map[string]string{
		"public.tls.key_file":         cfg.Public.TLS.KeyFile,
		"internal.tls.key_file":       cfg.Internal.TLS.KeyFile,
		"ticket.seal_key_file":        cfg.Ticket.SealKeyFile,
		"identity.assertion_key_file": cfg.Identity.AssertionKeyFile,
	} {
		if other, err := os.Stat(name); err == nil && os.SameFile(mine, other) {
			return fmt.Errorf("token: key: is %s of the configuration; a key has one purpose", setting)
		}
	}
	return nil
}

// signsAssertions tells whether a key is one of those that serve signs
// assertions with, in whatever file it stands. A file that cannot be read here
// has no such key for serve either.
func signsAssertions(cfg Config, key any) bool {
	signer, ok := key.(crypto.Signer)
	if !ok || cfg.Identity.AssertionKeyFile == "" {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	taken, err := auth.AssertionKeys(cfg.Identity.AssertionKeyFile)
	return ok && err == nil && slices.ContainsFunc(taken, public.Equal)
}

func (c *tokenCmd) loadKey() (any, error) {
	data, err := os.ReadFile(c.Key)
	if err != nil {
		return nil, fmt.Errorf("token: key: %w", err)
	}
	if !strings.HasPrefix(c.Algorithm, "HS") {
		signer, err := parseSigningKey(data)
		if err != nil {
			return nil, fmt.Errorf("token: key: %s: %w", c.Key, err)
		}
		return signer, nil
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("token: key: %s: is PEM, which is no HMAC secret", c.Key)
	}
	secret := bytes.TrimRight(data, "\r\n")
	if len(secret) < minSecret {
		return nil, fmt.Errorf("token: key: %s: an HMAC secret must have at least %d bytes", c.Key, minSecret)
	}
	return secret, nil
}

func (c *tokenCmd) spec(cfg Config) (bearerSpec, error) {
	spec := bearerSpec{
		Issuer: c.Issuer, Subject: c.Sub, Audience: c.Audience, TTL: c.TTL,
		Claims: map[string]any{}, KeyID: c.KeyID, Type: c.Type, Algorithm: c.Algorithm,
	}
	if len(cfg.Issuers) > 0 {
		first := cfg.Issuers[0]
		if spec.Issuer == "" {
			spec.Issuer = first.Issuer
		}
		if len(spec.Audience) == 0 && len(first.Audience) > 0 {
			spec.Audience = first.Audience[:1]
		}
	}
	if spec.Issuer == "" {
		spec.Issuer = "wsticket-token"
	}
	if c.Sub == "" {
		return spec, usageError{errors.New("token: --sub must not be empty")}
	}
	if c.TTL <= 0 {
		return spec, usageError{errors.New("token: --ttl must be positive")}
	}
	return spec, c.addClaims(spec.Claims)
}

func (c *tokenCmd) addClaims(claims map[string]any) error {
	reserved := []string{"iss", "sub", "aud", "exp", "iat", "jti"}
	for _, claim := range c.Claim {
		name, text, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return usageError{errors.New("token: --claim must be name=value")}
		}
		if slices.Contains(reserved, name) {
			return usageError{fmt.Errorf("token: --claim %s: is set by the other flags", name)}
		}
		var value any = text
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		claims[name] = value
	}
	return nil
}
