package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/maskurl"
	"wsticket/internal/printable"
	"wsticket/ticket"
)

// Bounds of [IssuerOptions].JWKSMaxAge.
const (
	minKeysAge = time.Minute
	maxKeysAge = 24 * time.Hour
)

// mediaType is the subtype of a media type (RFC 6838 4.2).
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

// validate adds the faults that can be seen without the keys. The options have
// their defaults.
func (o Options) validate(f *ticket.OptionErrors) {
	names := make(map[string]bool)
	for n, issuer := range o.Issuers {
		field := issuerField(n)
		f.Check(!names[issuer.Issuer], field+".Issuer", "%q is configured twice", maskurl.Hide(issuer.Issuer))
		names[issuer.Issuer] = true
		issuer.validate(f, field)
	}
}

func issuerField(n int) string { return fmt.Sprintf("Issuers[%d]", n) }

func (o IssuerOptions) validate(f *ticket.OptionErrors, field string) {
	o.validateNames(f, field)
	o.validateType(f, field+".Type")
	o.ClaimNames.validate(f, field+".ClaimNames")
	f.Check(o.MaxLifetime >= 0, field+".MaxLifetime", "must be positive (got %s)", o.MaxLifetime)
	f.Check(o.Leeway >= 0 && o.Leeway <= MaxLeeway, field+".Leeway", "must be 0s..%s (got %s)", MaxLeeway, o.Leeway)
	f.Check(o.JWKSMaxAge >= minKeysAge && o.JWKSMaxAge <= maxKeysAge, field+".JWKSMaxAge",
		"must be %s..%s (got %s)", minKeysAge, maxKeysAge, o.JWKSMaxAge)
	f.Check(!slices.Contains(o.Claims, ""), field+".Claims", "must not contain an empty name")
	o.Logout.validate(f, field+".Logout", o.ClaimNames)
	o.Events.validate(f, field+".Events", o.ClaimNames)
	o.validateAlgorithms(f, field+".Algorithms")
	o.validateSource(f, field)
}

// validateNames checks what no profile can know. With a profile, the faults say
// where the provider shows it.
func (o IssuerOptions) validateNames(f *ticket.OptionErrors, field string) {
	p, known := providers[o.Profile]
	f.Check(known || o.Profile == "", field+".Profile", "must be one of %s (got %q)", strings.Join(Profiles(), ", "), o.Profile)
	audience := len(o.Audience) > 0 && !slices.Contains(o.Audience, "")
	if known {
		f.Check(o.issuerFits(), field+".Issuer", "for profile %s: must be %s (got %q)", o.Profile, p.issuerForm, maskurl.Hide(o.Issuer))
		f.Check(audience, field+".Audience", "for profile %s: must list at least one, none of them empty: %s (got %q)", o.Profile, p.audienceFrom, o.Audience)
		return
	}
	f.Check(o.issuerFits(), field+".Issuer", "must be 1 to %d bytes without control characters (got %q)", printable.MaxName, maskurl.Hide(o.Issuer))
	f.Check(!maskurl.HasUser(o.Issuer), field+".Issuer", "must have no user name and password, because it is shown (got %q)", maskurl.Hide(o.Issuer))
	f.Check(audience, field+".Audience", "must list at least one, none of them empty (got %q)", o.Audience)
}

// issuerFits reports whether the issuer has a name that can be shown, and one
// that the profile's provider can have.
func (o IssuerOptions) issuerFits() bool {
	p, known := providers[o.Profile]
	return printable.IsName(o.Issuer) && (!known || p.issuer.MatchString(o.Issuer))
}

// validateType refuses a typ of tokens that are no bearers. The word any is for
// configurations that were written when it was the setting for a typ of JWT.
func (o IssuerOptions) validateType(f *ticket.OptionErrors, field string) {
	f.Check(o.Type == "" || mediaType.MatchString(o.Type), field, "must be a media type such as %s (got %q)", AccessTokenType, o.Type)
	f.Check(!strings.EqualFold(o.Type, "any"), field,
		"%q is no longer a setting: leave it out, which accepts at+jwt, JWT or none, or write the typ of the issuer's access tokens", o.Type)
	f.Check(!isOtherType(o.Type), field, "%q is the typ of tokens that are not bearers", o.Type)
}

// validateAlgorithms keeps HMAC and asymmetric algorithms apart: with both for
// one issuer, its public key would be a secret to sign with (RFC 8725 2.1).
func (o IssuerOptions) validateAlgorithms(f *ticket.OptionErrors, field string) {
	for _, name := range o.Algorithms {
		a, known := algorithms[name]
		f.Check(known, field, "%q is not supported", name)
		f.Check(!known || a.secret == 0 || o.HMACSecretFile != "", field, "%s needs an HMAC secret file", name)
		f.Check(!known || a.secret > 0 || o.HMACSecretFile == "", field, "%s does not go with an HMAC secret file", name)
	}
}

// validateSource requires one source of keys: with two, one could be used to
// get around the other.
func (o IssuerOptions) validateSource(f *ticket.OptionErrors, field string) {
	if used := o.sources(); len(used) != 1 {
		f.Add(field, &SourceError{used})
	}
	if o.JWKSURL != "" {
		if err := httpclient.CheckURL(o.JWKSURL, o.InsecureAllowPrivateNetwork); err != nil {
			f.Check(false, field+".JWKSURL", "%w (got %q)", err, maskurl.Hide(o.JWKSURL))
		}
	}
	if o.Discovery && o.issuerFits() {
		err := httpclient.CheckURL(o.Issuer, o.InsecureAllowPrivateNetwork)
		f.Check(err == nil, field+".Issuer", "for discovery: %w (got %q)", err, maskurl.Hide(o.Issuer))
		f.Check(err != nil || !strings.Contains(o.Issuer, "?"), field+".Issuer",
			"for discovery: must have no query (got %q)", maskurl.Hide(o.Issuer))
	}
}
