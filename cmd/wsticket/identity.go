package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wsticket/auth"
	"wsticket/internal/layered"
)

// IdentityHeaders names the header of each claim: by a preset, or one by one.
type IdentityHeaders struct {
	preset string
	claims map[string]string // those of the preset, too
}

var _ layered.Mapping = (*IdentityHeaders)(nil)

// UnmarshalText reads a preset, or claim=header between commas; nothing is no
// headers.
func (h *IdentityHeaders) UnmarshalText(text []byte) error {
	if claims, known := auth.HeaderPreset(string(text)); known {
		*h = IdentityHeaders{string(text), claims}
		return nil
	}
	claims := map[string]string{}
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		claim, header, ok := strings.Cut(part, "=")
		if _, twice := claims[claim]; !ok || twice {
			return fmt.Errorf("must be x-auth-request, x-forwarded, remote, or claims with their headers such as sub=X-User,email=X-Email, each once (got %q)", text)
		}
		claims[claim] = header
	}
	return h.UnmarshalMapping(claims)
}

// UnmarshalMapping takes header names by claim. Which names are good is the
// matter of the room that sets them.
func (h *IdentityHeaders) UnmarshalMapping(claims map[string]string) error {
	*h = IdentityHeaders{claims: claims}
	return nil
}

// String writes them as UnmarshalText reads them.
func (h IdentityHeaders) String() string {
	if h.preset != "" {
		return h.preset
	}
	var parts []string
	for _, claim := range slices.Sorted(maps.Keys(h.claims)) {
		parts = append(parts, claim+"="+h.claims[claim])
	}
	return strings.Join(parts, ",")
}

// presetHeaders are those of a preset that is known to be there.
func presetHeaders(name string) IdentityHeaders {
	claims, _ := auth.HeaderPreset(name)
	return IdentityHeaders{name, claims}
}

// validateSession leaves the judgement to the room that it is about. The empty
// Verifier stands for the one that there is going to be.
func (c Config) validateSession(f *faults) {
	if c.Session == (SessionConfig{}) {
		return
	}
	if err := sessionOptions(c, new(auth.Verifier)).Validate(); err != nil {
		*f = append(*f, err)
	}
	f.check(len(c.Origins) > 0, "origins: required with session.cookie, which counts in requests of their pages only")
}

// validateIdentity also refuses a claim that nobody has: its header would
// always be empty, and nobody would know why. The headers of a preset may be.
func (c Config) validateIdentity(f *faults) {
	if err := forwarderOptions(c, nil).Validate(); err != nil {
		*f = append(*f, err)
	}
	if c.Identity.Headers.preset != "" || c.Session.LookupURL != "" {
		return // an application that vouches for sessions names what claims it likes
	}
	known := []string{"sub", "iss", "sid", "scope", "aud"}
	for _, issuer := range c.Issuers {
		known = append(known, issuer.Claims...)
	}
	for _, claim := range slices.Sorted(maps.Keys(c.Identity.Headers.claims)) {
		f.check(slices.Contains(known, claim), "identity.headers: %q is none of sub, iss, sid, scope, aud and the claims of an issuer", claim)
	}
}

func forwarderOptions(cfg Config, v *auth.Verifier) auth.ForwarderOptions {
	return auth.ForwarderOptions{
		Headers: cfg.Identity.Headers.claims, AssertionKeyFile: cfg.Identity.AssertionKeyFile,
		AssertionAudience: cfg.Identity.AssertionAudience, Issuer: strings.TrimSuffix(cfg.Public.URL, "/"), Verifier: v,
	}
}

func sessionOptions(cfg Config, v *auth.Verifier) auth.SessionOptions {
	o := auth.SessionOptions{Cookie: cfg.Session.Cookie, LookupURL: cfg.Session.LookupURL}
	if cfg.Session.JWT {
		o.Verifier = v
	}
	return o
}

// checkAssertion reads the keys of assertions and compares them with those of
// the issuers, as far as these are there. What Validate finds it has said.
func (c Config) checkAssertion(v *auth.Verifier) error {
	options := forwarderOptions(c, v)
	if options.AssertionKeyFile == "" || options.Validate() != nil {
		return nil
	}
	_, err := auth.NewForwarder(options)
	return err
}

// buildAuth makes what knows callers: bearers, sessions, and who they are to
// the application.
func (a *app) buildAuth(ctx context.Context) error {
	var err error
	if a.verifier, err = auth.New(ctx, authOptions(a.cfg, a.log)); err != nil {
		return err
	}
	a.metrics.registry.MustRegister(newAuthCollector(a.verifier.Stats))
	var faults []error
	if a.cfg.Session.Cookie != "" {
		if a.sessions, err = auth.NewSessions(sessionOptions(a.cfg, a.verifier)); err == nil {
			a.metrics.registry.MustRegister(newSessionCollector(a.sessions.Stats))
		}
		faults = append(faults, err)
	}
	a.forwarder, err = auth.NewForwarder(forwarderOptions(a.cfg, a.verifier))
	return errors.Join(append(faults, err)...)
}
