package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/gate"
	"wsticket/identity"
)

// buildAuth builds the verifier of bearers, and the API keys.
func (s *generation) buildAuth() error {
	options := verifierOptions(s.cfg, s.log)
	if s.replaces != nil {
		options.Replaces = s.replaces.verifier
	}
	var err, fault error
	s.verifier, err = auth.New(options)
	s.keys, fault = newKeyring(s.cfg.Internal)
	return errors.Join(err, fault)
}

// NewVerifier builds the verifier of the configured issuers' bearers. A nil log
// is none.
func NewVerifier(cfg config.Config, log *slog.Logger) (*auth.Verifier, error) {
	return auth.New(verifierOptions(cfg, log))
}

func verifierOptions(cfg config.Config, log *slog.Logger) auth.Options {
	options := auth.Options{Logger: log}
	for _, issuer := range cfg.Issuers {
		options.Issuers = append(options.Issuers, issuer.Options())
	}
	return options
}

// buildSessions builds the part that asks the application about session
// cookies. Cookies that contain a JWT are verified like bearers.
func (s *Service) buildSessions() error {
	if s.cfg.Session.LookupURL == "" {
		return nil
	}
	var err error
	s.sessions, err = auth.NewSessions(auth.SessionOptions{
		Cookie: s.cfg.Session.Cookie, LookupURL: s.cfg.Session.LookupURL, KeepCookies: s.cfg.Session.Recheck > 0,
		TrustedProxies: slices.Concat(s.cfg.Public.Prefixes(), s.cfg.AuthPeers()), // as gate.IsProxy
	})
	return err
}

// The application judges its cookies, so it gets them as they were sent.
var _ gate.CookieAuthenticator = (*auth.Sessions)(nil)

// What it has said before a revocation is asked for again.
var _ gate.Forgetter = (*auth.Sessions)(nil)

// sessionVerifier returns the verifier of session cookies, nil if there are
// none.
func (s *generation) sessionVerifier() gate.Authenticator {
	switch {
	case s.cfg.Session.Cookie == "":
		return nil
	case s.sessions != nil:
		return s.sessions
	case s.cfg.Session.JWT && s.verifier != nil:
		return s.verifier
	default:
		return nil
	}
}

// newKeyring returns the API keys of the internal listener.
func newKeyring(cfg config.Internal) (*auth.Keyring, error) {
	keys := make([]auth.APIKey, len(cfg.APIKeys))
	for n, key := range cfg.APIKeys {
		keys[n] = auth.APIKey(key)
	}
	return auth.NewKeyring(keys)
}

// buildIdentity builds the identity headers and assertions for the application.
func (s *generation) buildIdentity() error {
	options := identity.Options{
		Headers: s.cfg.Identity.Headers.Claims(), Issuers: s.issuers(), AssertionKeyFile: s.cfg.Identity.AssertionKeyFile,
		AssertionAudience: s.cfg.Identity.AssertionAudience, Issuer: strings.TrimSuffix(s.cfg.Public.URL, "/"),
	}
	if s.verifier != nil {
		options.IssuerKey = s.verifier.HasKey
	}
	var err error
	s.forwarder, err = identity.New(options)
	return err
}

// issuers returns whose identities there may be. Cookies with a JWT have those of
// its issuer.
func (s *generation) issuers() []string {
	var names []string
	for _, issuer := range s.cfg.Issuers {
		names = append(names, issuer.Issuer)
	}
	if s.sessions != nil && !s.cfg.Session.JWT { // both are a fault
		names = append(names, s.sessions.Issuer())
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }) // which is a fault
}

// startAuth begins to fetch the keys of issuers, and refuses to sign assertions
// with one of them.
func (s *generation) startAuth(ctx context.Context) error {
	if err := s.verifier.Start(ctx); err != nil {
		return err
	}
	file := s.cfg.Identity.AssertionKeyFile
	if file == "" {
		return nil
	}
	keys, err := identity.AssertionKeys(file)
	f := config.NewFaults()
	f.Add("identity.assertion_key_file", err)
	f.Check(!slices.ContainsFunc(keys, s.verifier.HasKey), "identity.assertion_key_file",
		"holds a key of an issuer, whose bearers it would sign; a key has one purpose")
	return config.ByKey(f.Err())
}
