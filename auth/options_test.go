package auth_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
)

func TestOptionsFaults(t *testing.T) {
	t.Parallel()
	good := auth.IssuerOptions{
		Issuer: issuerName, Audience: []string{audience}, Keys: []crypto.PublicKey{edKey().Public()},
	}
	url := func(address string) func(*auth.IssuerOptions) {
		return func(o *auth.IssuerOptions) { o.Keys, o.JWKSURL = nil, address }
	}
	discovery := func(issuer string) func(*auth.IssuerOptions) {
		return func(o *auth.IssuerOptions) { o.Keys, o.Discovery, o.Issuer = nil, true, issuer }
	}
	for _, row := range []struct {
		rule   string
		change func(*auth.IssuerOptions)
		want   string
	}{
		{"issuer is required", func(o *auth.IssuerOptions) { o.Issuer = "" }, `issuers[0].issuer: must be 1 to 255 bytes without control characters (got "")`},
		{"issuer can be shown", func(o *auth.IssuerOptions) { o.Issuer = "a\nb" }, `(got "a\nb")`},
		{"audience is required", func(o *auth.IssuerOptions) { o.Audience = nil }, "issuers[0].audience: must list at least one"},
		{"no audience is empty", func(o *auth.IssuerOptions) { o.Audience = []string{"ws", ""} }, `(got ["ws" ""])`},
		{"type is a media type", func(o *auth.IssuerOptions) { o.Type = "a b" }, `issuers[0].type: must be a media type or "any" (got "a b")`},
		{"max_lifetime is positive", func(o *auth.IssuerOptions) { o.MaxLifetime = -1 }, "issuers[0].max_lifetime: must be positive (got -1ns)"},
		{"leeway has a bound", func(o *auth.IssuerOptions) { o.Leeway = 31 * time.Second }, "issuers[0].leeway: must be 0s..30s (got 31s)"},
		{"leeway is not negative", func(o *auth.IssuerOptions) { o.Leeway = -1 }, "issuers[0].leeway: "},
		{"claims have names", func(o *auth.IssuerOptions) { o.Claims = []string{""} }, "issuers[0].claims: must not hold an empty name"},
		{"an unknown algorithm", func(o *auth.IssuerOptions) { o.Algorithms = []string{"RS257"} }, `issuers[0].algorithms: "RS257" is not supported`},
		{"none is not supported", func(o *auth.IssuerOptions) { o.Algorithms = []string{"none"} }, `"none" is not supported`},
		{"HMAC does not go with public keys", func(o *auth.IssuerOptions) { o.Algorithms = []string{"EdDSA", "HS256"} }, "issuers[0].algorithms: HS256 needs hmac_secret_file"},
		{"public keys do not go with HMAC", func(o *auth.IssuerOptions) {
			o.Keys, o.HMACSecretFile, o.Algorithms = nil, writeFile(t, "0123456789abcdef0123456789abcdef"), []string{"RS256"}
		}, "issuers[0].algorithms: RS256 does not go with hmac_secret_file"},
		{"each algorithm has a key", func(o *auth.IssuerOptions) { o.Algorithms = []string{"EdDSA", "RS256"} }, "issuers[0].keys: RS256 fits none of the keys"},
		{"a source of keys is required", func(o *auth.IssuerOptions) { o.Keys = nil }, "issuers[0]: exactly one of"},
		{"two sources are too many", func(o *auth.IssuerOptions) { o.JWKSURL = "https://id.example.com/jwks" }, "(got 2: jwks_url, keys)"},
		{"S1 http", url("http://id.example.com/jwks"), `issuers[0].jwks_url: must be an https URL (got "http://id.example.com/jwks")`},
		{"file", url("file:///etc/passwd"), "must be an absolute URL"},
		{"another scheme", url("gopher://id.example.com/"), "must be an https URL"},
		{"no host", url("https:///jwks"), "must be an absolute URL"},
		{"no URL", url("https://id.example.com:port\x7f"), "must be an absolute URL"},
		{"a user name, which is not repeated", url("https://user:hunter2@id.example.com/"), "must have neither user name nor fragment"},
		{"nor from what is no URL", url("https://user:hunter2@id.example.com:x/"), "must be an absolute URL"},
		{"a fragment", url("https://id.example.com/#a"), "fragment"},
		{"S4 loopback", url("https://127.0.0.1/"), "must not point to a loopback"},
		{"S4 mapped", url("https://[::ffff:127.0.0.1]/"), "must not point to a loopback"},
		{"S4 hexadecimal", url("https://0x7f.1/"), "by a name or a plain address"},
		{"S4 decimal", url("https://2130706433/"), "by a name or a plain address"},
		{"S4 unspecified", url("https://[::]/"), "must not point to a loopback"},
		{"S4 a zone", url("https://[fe80::1%25lo]/"), "must not point to a loopback"},
		{"discovery needs https", discovery("http://id.example.com"), `issuers[0].issuer: for discovery: must be an https URL (got "http://id.example.com")`},
		{"discovery needs a URL", discovery("id.example.com"), "for discovery: must be an absolute URL"},
		{"discovery has no query", discovery("https://id.example.com/?a"), "for discovery: must have no query"},
	} {
		issuer := good
		row.change(&issuer)
		v, err := auth.New(t.Context(), auth.Options{Issuers: []auth.IssuerOptions{issuer}})
		if err == nil {
			v.Close()
			t.Errorf("%s: got no error, want %q", row.rule, row.want)
			continue
		}
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %q, want %q in it", row.rule, err, row.want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %q holds the password", row.rule, err)
		}
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	t.Parallel()
	_, err := auth.New(t.Context(), auth.Options{
		Refresh: time.Second, MaxStale: time.Millisecond,
		Issuers: []auth.IssuerOptions{
			{Issuer: "a", PublicKeyFile: "/nonexistent", Leeway: time.Hour},
			{Issuer: "a", Audience: []string{"x"}},
		},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"auth: refresh: must be at least 1m0s (got 1s)",
		"auth: max_stale: must be at least refresh, 1s (got 1ms)",
		"auth: issuers[0].leeway: ",
		"auth: issuers[0].audience: ",
		"auth: issuers[0].public_key_file: file does not exist",
		`auth: issuers[1].issuer: "a" is configured twice`,
		"auth: issuers[1]: exactly one of",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	if got, want := strings.Count(err.Error(), "\n")+1, 7; got != want {
		t.Errorf("got %d faults, want %d: %v", got, want, err)
	}
}

func TestWithoutIssuersEveryBearerIsRefused(t *testing.T) {
	t.Parallel()
	v, err := auth.New(t.Context(), auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	check(t, v, "nobody's bearer", sign(t, edKey(), goodClaims()), "bearer_issuer")
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v, want nil", err)
	}
}

func TestNewEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	network := auth.Network{Dial: blockUntilDone(cancel), LookupIP: publicIP}
	_, err := auth.New(ctx, auth.Options{
		Network: network,
		Issuers: []auth.IssuerOptions{{Issuer: issuerName, Audience: []string{audience}, JWKSURL: issuerName + "/jwks"}},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestValidateReadsNoFile: what New finds beyond it is in files.
func TestValidateReadsNoFile(t *testing.T) {
	t.Parallel()
	o := auth.Options{Issuers: []auth.IssuerOptions{{Issuer: "a", Audience: []string{audience}, PublicKeyFile: "/nonexistent"}}}
	if err := o.Validate(); err != nil {
		t.Errorf("a file that is missing: got %v, want nil", err)
	}
	o.Issuers[0].Leeway = time.Hour
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "issuers[0].leeway") {
		t.Errorf("a leeway of an hour: got %v, want a fault", err)
	}
}
