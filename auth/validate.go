package auth

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const minRefresh = time.Minute

// mediaType is the subtype of a media type (RFC 6838 4.2).
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

// faults collects what is wrong with options, each with the name of its field.
type faults []error

func (f *faults) add(field, format string, values ...any) {
	*f = append(*f, fmt.Errorf("auth: "+field+": "+format, values...))
}

// Validate returns an error that lists the faults that can be seen without
// reading a file, or nil. [New] finds these and those of the files.
func (o Options) Validate() error { return errors.Join(o.withDefaults().validate()...) }

// validate is Validate of options that have their defaults.
func (o Options) validate() []error {
	var f faults
	if o.Refresh < minRefresh {
		f.add("refresh", "must be at least %s (got %s)", minRefresh, o.Refresh)
	}
	if o.MaxStale < o.Refresh {
		f.add("max_stale", "must be at least refresh, %s (got %s)", o.Refresh, o.MaxStale)
	}
	names := make(map[string]bool)
	for n, issuer := range o.Issuers {
		field := fmt.Sprintf("issuers[%d]", n)
		if names[issuer.Issuer] {
			f.add(field+".issuer", "%q is configured twice", issuer.Issuer)
		}
		names[issuer.Issuer] = true
		issuer.withDefaults().validate(&f, field)
	}
	return f
}

// validate lists the faults of one issuer, but for those of its files.
func (o IssuerOptions) validate(f *faults, field string) {
	if !isShowable(o.Issuer) {
		f.add(field+".issuer", "must be 1 to %d bytes without control characters (got %q)", maxText, o.Issuer)
	}
	if len(o.Audience) == 0 || slices.Contains(o.Audience, "") {
		f.add(field+".audience", "must list at least one, none of them empty (got %q)", o.Audience)
	}
	if !mediaType.MatchString(o.Type) {
		f.add(field+".type", "must be a media type or %q (got %q)", AnyType, o.Type)
	}
	if o.MaxLifetime < 0 {
		f.add(field+".max_lifetime", "must be positive (got %s)", o.MaxLifetime)
	}
	if o.Leeway < 0 || o.Leeway > MaxLeeway {
		f.add(field+".leeway", "must be 0s..%s (got %s)", MaxLeeway, o.Leeway)
	}
	if slices.Contains(o.Claims, "") {
		f.add(field+".claims", "must not hold an empty name")
	}
	o.validateAlgorithms(f, field+".algorithms")
	o.validateSource(f, field)
}

// validateAlgorithms keeps HMAC and asymmetric algorithms apart: with both
// for one issuer, its public key would be a secret to sign with.
func (o IssuerOptions) validateAlgorithms(f *faults, field string) {
	for _, name := range o.Algorithms {
		a, known := algorithmNamed(name)
		switch {
		case !known:
			f.add(field, "%q is not supported", name)
		case a.secret > 0 && o.HMACSecretFile == "":
			f.add(field, "%s needs hmac_secret_file", name)
		case a.secret == 0 && o.HMACSecretFile != "":
			f.add(field, "%s does not go with hmac_secret_file", name)
		}
	}
}

// validateSource asks for one source of keys: with two, one would be the way
// around the other.
func (o IssuerOptions) validateSource(f *faults, field string) {
	if used := o.sources(); len(used) != 1 {
		f.add(field, "exactly one of jwks_url, discovery, public_key_file, hmac_secret_file and keys is required (got %d: %s)",
			len(used), strings.Join(used, ", "))
	}
	if o.JWKSURL != "" {
		if err := checkKeyURL(o.JWKSURL, o.InsecureAllowPrivateNetwork); err != nil {
			f.add(field+".jwks_url", "%w (got %q)", err, withoutUser(o.JWKSURL))
		}
	}
	if o.Discovery {
		if err := checkKeyURL(o.Issuer, o.InsecureAllowPrivateNetwork); err != nil {
			f.add(field+".issuer", "for discovery: %w (got %q)", err, withoutUser(o.Issuer))
		} else if strings.Contains(o.Issuer, "?") {
			f.add(field+".issuer", "for discovery: must have no query (got %q)", o.Issuer)
		}
	}
}

// withoutUser cuts what may be a user name and password out of a URL that is
// not good enough to be parsed.
func withoutUser(address string) string {
	before, after, found := strings.Cut(address, "@")
	if !found {
		return address
	}
	scheme, _, _ := strings.Cut(before, "//")
	return scheme + "//…@" + after
}
