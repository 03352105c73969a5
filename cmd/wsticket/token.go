package main

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/cmd/wsticket/internal/service"
	"wsticket/identity"
	"wsticket/ticket"
)

type tokenCmd struct {
	Sub       string        `required:"" placeholder:"NAME" help:"Subject: who the bearer speaks for."`
	Key       string        `required:"" placeholder:"FILE" help:"Private key (PEM), or the shared secret with --algorithm HS256."`
	Issuer    string        `placeholder:"URL" help:"The iss claim. Default: the first issuer of the configuration; without one, wsticket-token."`
	Audience  []string      `placeholder:"NAME" help:"The aud claim; may be repeated. Default: the first audience of that issuer; without one, none."`
	TTL       time.Duration `name:"ttl" default:"1h" help:"Lifetime (default: 1h)."`
	Claim     []string      `sep:"none" placeholder:"K=V" help:"Further claim; JSON values are taken as such. May be repeated."`
	KeyID     string        `name:"kid" placeholder:"ID" help:"The kid header."`
	Algorithm string        `placeholder:"ALG" help:"Signature algorithm. Default: that of the key."`
	Type      string        `default:"at+jwt" help:"The typ header (default: at+jwt, RFC 9068). Empty: none."`
	Config    string        `short:"c" placeholder:"FILE" help:"Configuration file, for the defaults of --issuer and --audience, and to refuse key files that it names for another purpose."`
}

// Run prints the bearer on standard output, and nothing else.
//
// A bearer that the configuration refuses is printed, too, because a trial may
// need one. A warning on standard error says why it is refused.
func (c *tokenCmd) Run(ctx context.Context, w world) error {
	// The file need not be valid as a whole: only issuers and key files matter.
	file := config.FileName(c.Config, w.Env)
	cfg, err := config.LoadFile(file)
	if err != nil {
		return err
	}
	if err := refuseOtherKeys(cfg, c.Key); err != nil {
		return err
	}
	key, err := devidp.LoadKey(c.Key, c.Algorithm)
	if err != nil {
		return fmt.Errorf("token: --key: %w", err)
	}
	if signsAssertions(cfg, key) {
		return errors.New("token: --key: is one of identity.assertion_key_file of the configuration; a key has one purpose")
	}
	bearer, err := c.bearer(cfg)
	if err != nil {
		return err
	}
	signed, err := bearer.Sign(key, time.Now())
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if file != "" {
		if why := whyRefused(ctx, cfg, signed); why != "" {
			_ = say(w.Stderr, "warning: serve with %s refuses this bearer: %s", file, why)
		}
	}
	_, err = fmt.Fprintln(w.Stdout, signed)
	return err
}

// whyRefused returns the check of serve that a bearer fails, with what did not fit
// and the setting that decides it. It is empty if an issuer takes the bearer. It
// opens no connection: signatures are checked with keys in files only.
func whyRefused(ctx context.Context, cfg config.Config, bearer string) string {
	verifier, err := service.NewVerifier(cfg, nil)
	if err != nil {
		return config.ByKey(err).Error()
	}
	defer verifier.Close()
	issuers, err := verifier.Explain(ctx, ticket.NewBearer(bearer))
	if err != nil {
		return inWords(auth.Explanation{Err: err})
	}
	why := "issuers: there are none"
	for n, e := range issuers {
		switch named := ticket.Reason(e.Err) != "bearer_issuer"; {
		case e.Err == nil:
			return ""
		case named || n == 0:
			why = inWords(e)
		}
	}
	return why
}

func inWords(e auth.Explanation) string {
	words := []string{ticket.Reason(e.Err)}
	for _, a := range ticket.AttrsOf(e.Err) {
		words = append(words, a.String())
	}
	if e.Setting != "" {
		words = append(words, "see "+config.KeyOf("auth", e.Setting))
	}
	return strings.Join(words, ", ")
}

// refuseOtherKeys refuses a file that the configuration names for another
// purpose: a signature for one purpose would be good for the other.
func refuseOtherKeys(cfg config.Config, file string) error {
	mine, err := os.Stat(file)
	if err != nil {
		return nil //nolint:nilerr // A file that cannot be read is refused when it is read.
	}
	for setting, name := range map[string]string{
		"public.tls.key_file":         cfg.Public.TLS.KeyFile,
		"internal.tls.key_file":       cfg.Internal.TLS.KeyFile,
		"ticket.seal_key_file":        cfg.Ticket.SealKeyFile,
		"identity.assertion_key_file": cfg.Identity.AssertionKeyFile,
	} {
		if other, err := os.Stat(name); err == nil && os.SameFile(mine, other) {
			return fmt.Errorf("token: --key: is %s of the configuration; a key has one purpose: make one with openssl ecparam -name prime256v1 -genkey -noout", setting)
		}
	}
	return nil
}

// signsAssertions reports whether serve signs assertions with a key, whatever
// file the key came from. A file that cannot be read here cannot be read by
// serve either.
func signsAssertions(cfg config.Config, key any) bool {
	signer, ok := key.(crypto.Signer)
	if !ok || cfg.Identity.AssertionKeyFile == "" {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	taken, err := identity.AssertionKeys(cfg.Identity.AssertionKeyFile)
	return ok && err == nil && slices.ContainsFunc(taken, public.Equal)
}

func (c *tokenCmd) bearer(cfg config.Config) (devidp.Bearer, error) {
	b := devidp.Bearer{
		Issuer: c.Issuer, Subject: c.Sub, Audience: c.Audience, TTL: c.TTL,
		Claims: map[string]any{}, KeyID: c.KeyID, Type: c.Type, Algorithm: c.Algorithm,
	}
	if len(cfg.Issuers) > 0 {
		first := cfg.Issuers[0]
		if b.Issuer == "" {
			b.Issuer = first.Issuer
		}
		if len(b.Audience) == 0 && len(first.Audience) > 0 {
			b.Audience = first.Audience[:1]
		}
	}
	if b.Issuer == "" {
		b.Issuer = "wsticket-token"
	}
	if c.Sub == "" {
		return b, usageError{errors.New("token: --sub: must not be empty")}
	}
	if c.TTL <= 0 {
		return b, usageError{fmt.Errorf("token: --ttl: must be more than 0s (got %s)", c.TTL)}
	}
	return b, c.addClaims(b.Claims)
}

func (c *tokenCmd) addClaims(claims map[string]any) error {
	reserved := []string{"iss", "sub", "aud", "exp", "iat", "jti"}
	for _, claim := range c.Claim {
		name, text, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return usageError{fmt.Errorf("token: --claim: must be NAME=VALUE, as in email=alice@example.com (got %q)", claim)}
		}
		if slices.Contains(reserved, name) {
			return usageError{fmt.Errorf("token: --claim: %s is set by the other flags (see wsticket token --help)", name)}
		}
		var value any = text
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		claims[name] = value
	}
	return nil
}
