package auth

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// provider is what one provider's bearers look like.
type provider struct {
	// issuer matches the issuers that the provider can have, and issuerForm
	// says the same to a person, with the place where to read it.
	issuer     *regexp.Regexp
	issuerForm string
	// audienceFrom says where the accepted audience is to be found.
	audienceFrom string
	// keysPath leads from the issuer to its keys, if that is documented.
	// Empty: discovery.
	keysPath    string
	algorithms  []string // where they are not those of the default
	names       ClaimNames
	claims      []string
	maxLifetime time.Duration
	demands     []demand
	// idTokens: the provider has no access tokens that others could verify, and
	// gives its ID token to backends.
	idTokens bool
}

// demand is what a claim has to say in each bearer of a provider, beyond what
// all bearers have to say.
type demand struct {
	// anyOf are names of claims; the first one that is present counts.
	anyOf []string
	// values are those that it may have. Empty: any.
	values []string
	// optional: it may be absent.
	optional bool
}

// Profiles returns the names that [IssuerOptions.Profile] may have. The caller
// owns the list.
func Profiles() []string { return slices.Sorted(maps.Keys(providers)) }

// ProfileRules returns what a profile checks in addition to its presets, one
// sentence each, nil for an unknown profile and for one that checks no more.
func ProfileRules(name string) []string {
	var rules []string
	p := providers[name]
	for _, d := range p.demands {
		rules = append(rules, d.String())
	}
	if p.names.Audience != "" {
		rules = append(rules, "claim aud must hold one of the audience too, if it is present")
	}
	if p.idTokens {
		rules = append(rules, "ID tokens are accepted, because this provider has no other bearers")
	}
	return rules
}

// WithProfile returns o with each empty field that the profile knows filled in;
// a setting is never replaced. Claims are empty if they are nil, and keys have a
// source if there is any. [New] does this by itself; the method is for programs
// that show the settings.
func (o IssuerOptions) WithProfile() IssuerOptions {
	p, known := providers[o.Profile]
	if !known {
		return o
	}
	if len(o.sources()) == 0 {
		o.Discovery = p.keysPath == "" || o.Issuer == "" // which is a fault of Issuer alone
		if !o.Discovery {
			o.JWKSURL = strings.TrimSuffix(o.Issuer, "/") + p.keysPath
		}
	}
	if len(o.Algorithms) == 0 && (o.Discovery || o.JWKSURL != "") {
		o.Algorithms = slices.Clone(p.algorithms)
	}
	o.ClaimNames = ClaimNames{
		Subject: cmp.Or(o.ClaimNames.Subject, p.names.Subject), Audience: cmp.Or(o.ClaimNames.Audience, p.names.Audience),
		Scope: cmp.Or(o.ClaimNames.Scope, p.names.Scope), Session: cmp.Or(o.ClaimNames.Session, p.names.Session),
	}
	if o.Claims == nil {
		o.Claims = slices.Clone(p.claims)
	}
	o.MaxLifetime = cmp.Or(o.MaxLifetime, p.maxLifetime)
	return o
}

// checkProvider refuses a bearer that does not say what the provider's bearers
// say. Where these have their audience in another claim than aud, some have an
// aud as well, for one service. RFC 7519 4.1.3 requires that it is this one.
func (i *issuer) checkProvider(c claims) error {
	p := providers[i.profile]
	for _, d := range p.demands {
		if err := d.check(c); err != nil {
			return ticket.WithAttrs(err, slog.String("profile", i.profile))
		}
	}
	if _, present := c["aud"]; present && p.names.Audience != "" && p.names.Audience == i.names.Audience {
		_, err := i.audienceIn(c, "aud")
		return err
	}
	return nil
}

func (d demand) check(c claims) error {
	for _, name := range d.anyOf {
		value, present := c[name]
		if !present {
			continue
		}
		if text, ok := value.(string); ok && (len(d.values) == 0 || slices.Contains(d.values, text)) {
			return nil
		}
		return ticket.WithAttrs(refusedType, slog.String("claim", name), slog.String("value", fmt.Sprint(value)), ticket.Expected(d.values...))
	}
	if d.optional {
		return nil
	}
	return ticket.WithAttrs(refusedType, slog.String("claim", d.anyOf[0]), ticket.Expected(d.values...))
}

// String says what is required.
func (d demand) String() string {
	text := "claim " + strings.Join(d.anyOf, " or ")
	if len(d.values) == 0 {
		return text + " is required"
	}
	text += " must be " + strings.Join(d.values, " or ")
	if d.optional {
		text += ", if it is present"
	}
	return text
}
