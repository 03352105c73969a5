package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

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
		f.Check(!names[issuer.Issuer], field+".Issuer", "%q is configured twice", issuer.Issuer)
		names[issuer.Issuer] = true
		issuer.validate(f, field)
	}
}

func issuerField(n int) string { return fmt.Sprintf("Issuers[%d]", n) }

func (o IssuerOptions) validate(f *ticket.OptionErrors, field string) {
	f.Check(printable.IsName(o.Issuer), field+".Issuer",
		"must be 1 to %d bytes without control characters (got %q)", printable.MaxName, o.Issuer)
	f.Check(len(o.Audience) > 0 && !slices.Contains(o.Audience, ""), field+".Audience",
		"must list at least one, none of them empty (got %q)", o.Audience)
	f.Check(mediaType.MatchString(o.Type), field+".Type", "must be a media type or %q (got %q)", AnyType, o.Type)
	f.Check(o.MaxLifetime >= 0, field+".MaxLifetime", "must be positive (got %s)", o.MaxLifetime)
	f.Check(o.Leeway >= 0 && o.Leeway <= MaxLeeway, field+".Leeway", "must be 0s..%s (got %s)", MaxLeeway, o.Leeway)
	f.Check(o.JWKSMaxAge >= minKeysAge && o.JWKSMaxAge <= maxKeysAge, field+".JWKSMaxAge",
		"must be %s..%s (got %s)", minKeysAge, maxKeysAge, o.JWKSMaxAge)
	f.Check(!slices.Contains(o.Claims, ""), field+".Claims", "must not contain an empty name")
	o.validateAlgorithms(f, field+".Algorithms")
	o.validateSource(f, field)
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
		if err := checkKeyURL(o.JWKSURL, o.InsecureAllowPrivateNetwork); err != nil {
			f.Check(false, field+".JWKSURL", "%w (got %q)", err, withoutUser(o.JWKSURL))
		}
	}
	if o.Discovery {
		err := checkKeyURL(o.Issuer, o.InsecureAllowPrivateNetwork)
		f.Check(err == nil, field+".Issuer", "for discovery: %w (got %q)", err, withoutUser(o.Issuer))
		f.Check(err != nil || !strings.Contains(o.Issuer, "?"), field+".Issuer",
			"for discovery: must have no query (got %q)", o.Issuer)
	}
}
