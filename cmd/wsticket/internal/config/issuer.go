package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"wsticket/auth"
)

// Options returns the settings of an issuer as package auth has them.
func (i Issuer) Options() auth.IssuerOptions {
	return auth.IssuerOptions{
		Issuer: i.Issuer, Profile: i.Profile, Audience: i.Audience, Algorithms: i.Algorithms,
		JWKSURL: i.JWKSURL, Discovery: i.Discovery, JWKSMaxAge: i.JWKSMaxAge,
		PublicKeyFile: i.PublicKeyFile, HMACSecretFile: i.HMACSecretFile,
		Type: i.Type, ClaimNames: auth.ClaimNames(i.ClaimNames), MaxLifetime: i.MaxLifetime, Leeway: cmp.Or(i.Leeway, auth.NoLeeway),
		Claims: i.Claims, Logout: auth.LogoutOptions(i.Logout), Events: auth.EventOptions(i.Events), InsecureAllowPrivateNetwork: i.Insecure,
	}
}

// withProfile returns the settings with what the profile presets.
func (i Issuer) withProfile() Issuer {
	o := i.Options().WithProfile()
	i.Algorithms, i.JWKSURL, i.Discovery = o.Algorithms, o.JWKSURL, o.Discovery
	i.ClaimNames, i.MaxLifetime, i.Claims = ClaimNames(o.ClaimNames), o.MaxLifetime, o.Claims
	return i
}

// TakesLogouts reports whether logout tokens of an issuer are accepted.
func (c Config) TakesLogouts() bool {
	return slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return len(i.Logout.ClientIDs) > 0 })
}

// TakesEvents reports whether security events of an issuer are accepted.
func (c Config) TakesEvents() bool {
	return slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return len(i.Events.Audience) > 0 })
}

// Presets says for each issuer with a profile what that sets and checks, in one
// line, as the keys would be written.
func (c Config) Presets() []string {
	var lines []string
	for n, issuer := range c.Issuers {
		if issuer.Profile == "" {
			continue
		}
		var says []string
		full := issuer.withProfile()
		set := keysOf(&issuer)
		for m, key := range keysOf(&full) {
			if key.Default != set[m].Default {
				says = append(says, key.Path+": "+key.Default)
			}
		}
		says = append(says, auth.ProfileRules(issuer.Profile)...)
		lines = append(lines, fmt.Sprintf("issuers[%d]: profile %s: %s", n, issuer.Profile, strings.Join(says, "; ")))
	}
	return lines
}
