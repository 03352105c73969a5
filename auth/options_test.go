package auth_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
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
		{"issuer is required", func(o *auth.IssuerOptions) { o.Issuer = "" }, `Issuers[0].Issuer: must be 1 to 255 bytes without control characters (got "")`},
		{"issuer can be shown", func(o *auth.IssuerOptions) { o.Issuer = "a\nb" }, `(got "a\nb")`},
		{"audience is required", func(o *auth.IssuerOptions) { o.Audience = nil }, "Issuers[0].Audience: must list at least one"},
		{"no audience is empty", func(o *auth.IssuerOptions) { o.Audience = []string{"ws", ""} }, `(got ["ws" ""])`},
		{"type is a media type", func(o *auth.IssuerOptions) { o.Type = "a b" }, `Issuers[0].Type: must be a media type such as at+jwt (got "a b")`},
		{"any is gone", func(o *auth.IssuerOptions) { o.Type = "any" }, `Issuers[0].Type: "any" is no longer a setting`},
		{"no proofs for bearers", func(o *auth.IssuerOptions) { o.Type = "application/dpop+jwt" }, `Issuers[0].Type: "dpop+jwt" is the typ of tokens that are not bearers`},
		{"no refresh tokens for bearers", func(o *auth.IssuerOptions) { o.Type = "refresh+jwt" }, `Issuers[0].Type: "refresh+jwt" is the typ of tokens that are not bearers`},
		{"no ID tokens for bearers", func(o *auth.IssuerOptions) { o.Type = "application/ID_Token+jwt" }, `Issuers[0].Type: "ID_Token+jwt" is the typ of tokens that are not bearers`},
		{"claims have names that can be shown", func(o *auth.IssuerOptions) { o.ClaimNames.Subject = "a\n" }, "Issuers[0].ClaimNames.Subject: must be the name of a claim"},
		{"the audience is no user", func(o *auth.IssuerOptions) { o.ClaimNames.Subject = "aud" }, `Issuers[0].ClaimNames.Subject: "aud" is the claim with the audience`},
		{"nor by another name", func(o *auth.IssuerOptions) { o.ClaimNames.Audience = "sub" }, `Issuers[0].ClaimNames.Subject: "sub" is the claim with the audience`},
		{"a claim has one meaning", func(o *auth.IssuerOptions) { o.ClaimNames.Audience = "iss" }, `Issuers[0].ClaimNames.Audience: "iss" has another meaning`},
		{"MaxLifetime is positive", func(o *auth.IssuerOptions) { o.MaxLifetime = -1 }, "Issuers[0].MaxLifetime: must be positive (got -1ns)"},
		{"leeway has a bound", func(o *auth.IssuerOptions) { o.Leeway = 31 * time.Second }, "Issuers[0].Leeway: must be 0s..30s (got 31s)"},
		{"leeway is not negative", func(o *auth.IssuerOptions) { o.Leeway = -time.Second }, "Issuers[0].Leeway: "},
		{"keys have an age", func(o *auth.IssuerOptions) { o.JWKSMaxAge = time.Second }, "Issuers[0].JWKSMaxAge: must be 1m0s..24h0m0s (got 1s)"},
		{"keys do not serve for ever", func(o *auth.IssuerOptions) { o.JWKSMaxAge = 25 * time.Hour }, "Issuers[0].JWKSMaxAge: "},
		{"claims have names", func(o *auth.IssuerOptions) { o.Claims = []string{""} }, "Issuers[0].Claims: must not contain an empty name"},
		{"an unknown algorithm", func(o *auth.IssuerOptions) { o.Algorithms = []string{"RS257"} }, `Issuers[0].Algorithms: "RS257" is not supported`},
		{"none is not supported", func(o *auth.IssuerOptions) { o.Algorithms = []string{"none"} }, `"none" is not supported`},
		{"HMAC does not go with public keys", func(o *auth.IssuerOptions) { o.Algorithms = []string{"EdDSA", "HS256"} }, "Issuers[0].Algorithms: HS256 needs an HMAC secret file"},
		{"public keys do not go with HMAC", func(o *auth.IssuerOptions) {
			o.Keys, o.HMACSecretFile, o.Algorithms = nil, test.WriteFile(t, "file", "0123456789abcdef0123456789abcdef"), []string{"RS256"}
		}, "Issuers[0].Algorithms: RS256 does not go with an HMAC secret file"},
		{"each algorithm has a key", func(o *auth.IssuerOptions) { o.Algorithms = []string{"EdDSA", "RS256"} }, "Issuers[0].Keys: RS256 fits none of the keys"},
		{"a source of keys is required", func(o *auth.IssuerOptions) { o.Keys = nil }, "Issuers[0]: exactly one of JWKSURL"},
		{"two sources are too many", func(o *auth.IssuerOptions) { o.JWKSURL = "https://id.example.com/jwks" }, "(got JWKSURL, Keys)"},
		{"S1 http", url("http://id.example.com/jwks"), `Issuers[0].JWKSURL: must be an https URL (got "http://id.example.com/jwks")`},
		{"file", url("file:///etc/passwd"), "must be an absolute URL"},
		{"another scheme", url("gopher://id.example.com/"), "must be an https URL"},
		{"no host", url("https:///jwks"), "must be an absolute URL"},
		{"no URL", url("https://id.example.com:port\x7f"), "must be an absolute URL"},
		{"a user name, which is not repeated", url("https://user:hunter2@id.example.com/"), "must have neither user name nor fragment"},
		{"nor from what is no URL", url("https://user:hunter2@id.example.com:x/"), "must be an absolute URL"},
		{"a fragment", url("https://id.example.com/#a"), "fragment"},
		{"S4 loopback", url("https://127.0.0.1/"), "must not point to a loopback"},
		{"S4 mapped", url("https://[::ffff:127.0.0.1]/"), "must not point to a loopback"},
		{"S4 hexadecimal", url("https://0x7f.1/"), "must have a name or a plain address"},
		{"S4 decimal", url("https://2130706433/"), "must have a name or a plain address"},
		{"S4 unspecified", url("https://[::]/"), "must not point to a loopback"},
		{"S4 a zone", url("https://[fe80::1%25lo]/"), "must not point to a loopback"},
		{"discovery needs https", discovery("http://id.example.com"), `Issuers[0].Issuer: for discovery: must be an https URL (got "http://id.example.com")`},
		{"discovery needs a URL", discovery("id.example.com"), "for discovery: must be an absolute URL"},
		{"discovery has no query", discovery("https://id.example.com/?a"), "for discovery: must have no query"},
	} {
		issuer := good
		row.change(&issuer)
		_, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{issuer}})
		if err == nil {
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
	_, err := auth.New(auth.Options{
		Issuers: []auth.IssuerOptions{
			{Issuer: "a", PublicKeyFile: "/nonexistent", Leeway: time.Hour},
			{Issuer: "a", Audience: []string{"x"}},
		},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"auth: Issuers[0].Leeway: ",
		"auth: Issuers[0].Audience: ",
		"auth: Issuers[0].PublicKeyFile: no such file",
		`auth: Issuers[1].Issuer: "a" is configured twice`,
		"auth: Issuers[1]: exactly one of JWKSURL",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	if got, want := strings.Count(err.Error(), "\n")+1, 5; got != want {
		t.Errorf("got %d faults, want %d: %v", got, want, err)
	}
}

func TestWithoutIssuersEveryBearerIsRefused(t *testing.T) {
	t.Parallel()
	v := mustNew(t, auth.Options{})
	check(t, v, "nobody's bearer", sign(t, edKey(), goodClaims()), "bearer_issuer")
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v, want nil", err)
	}
}

// TestNewOpensNoSocket: keys behind a URL are missing until Start, and those of
// a file are not.
func TestNewOpensNoSocket(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, rsaKey(), "kid", "a")))
	const local = "https://local.example.com"
	v, err := auth.New(auth.Options{Now: clock, Network: server.network, Issuers: []auth.IssuerOptions{
		{Issuer: issuerName, Audience: []string{audience}, JWKSURL: server.url},
		{Issuer: local, Audience: []string{audience}, PublicKeyFile: test.WriteFile(t, "file", test.PublicPEM(edKey()))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	remote := sign(t, rsaKey(), goodClaims(), "kid", "a")
	check(t, v, "a key behind a URL, before Start", remote, "keys_unavailable")
	check(t, v, "a key of a file, before Start", sign(t, edKey(), goodClaims().with("iss", local)), "ok")
	if err := v.Ready(t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("Ready before Start: got %v, want ErrUnavailable", err)
	}
	if got := server.fetches.Load(); got != 0 {
		t.Errorf("New made %d requests, want none", got)
	}
	for range 2 {
		if err := v.Start(t.Context()); err != nil {
			t.Fatalf("Start: %v", err)
		}
	}
	check(t, v, "a key behind a URL, after Start", remote, "ok")
	if got := server.fetches.Load(); got != 1 {
		t.Errorf("two Starts made %d requests, want 1", got)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	v, err := auth.New(auth.Options{
		Network: auth.Network{Dial: blockUntilDone(cancel), LookupIP: publicIP},
		Issuers: []auth.IssuerOptions{{Issuer: issuerName, Audience: []string{audience}, JWKSURL: issuerName + "/jwks"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	v.Close()
	if err := v.Start(t.Context()); err == nil {
		t.Error("Start after Close: got no error")
	}
}

// TestHasKey: names do not matter, and keys behind a URL count once they are
// fetched. A secret is not a public key.
func TestHasKey(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, p256Key(), "kid", "a")))
	secret := []byte(strings.Repeat("s3cret-0123456789", 3))
	v, err := auth.New(auth.Options{Now: clock, Network: server.network, Issuers: []auth.IssuerOptions{
		{Issuer: "https://a.example.com", Audience: []string{audience}, Keys: []crypto.PublicKey{rsaKey().Public()}},
		{Issuer: "https://b.example.com", Audience: []string{audience}, PublicKeyFile: test.WriteFile(t, "file", test.PublicPEM(edKey()))},
		{Issuer: "https://c.example.com", Audience: []string{audience}, HMACSecretFile: test.WriteFile(t, "file", string(secret))},
		{Issuer: "https://d.example.com", Audience: []string{audience}, JWKSURL: server.url, Algorithms: []string{"ES256"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.HasKey(p256Key().Public()) {
		t.Error("got a key that was not fetched")
	}
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		rule string
		key  crypto.PublicKey
		want bool
	}{
		{"from Go", rsaKey().Public(), true},
		{"of a file", edKey().Public(), true},
		{"behind a URL", p256Key().Public(), true},
		{"nobody's", edOther().Public(), false},
		{"a secret", secret, false},
		{"none", nil, false},
	} {
		if got := v.HasKey(row.key); got != row.want {
			t.Errorf("%s: got %t, want %t", row.rule, got, row.want)
		}
	}
}
