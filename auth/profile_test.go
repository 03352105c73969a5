package auth_test

import (
	"crypto"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// goodIssuers are issuers in the form that each provider has.
var goodIssuers = map[string]string{
	"auth0":    "https://acme.eu.auth0.com/",
	"clerk":    "https://clerk.example.com",
	"cognito":  "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
	"entra":    "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
	"firebase": "https://securetoken.google.com/acme-chat",
	"google":   "https://accounts.google.com",
	"keycloak": "https://id.example.com/realms/acme",
	"okta":     "https://acme.okta.com/oauth2/default",
	"supabase": "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
}

// profiled returns an issuer with a profile, whose keys are edKey.
func profiled(name string) auth.IssuerOptions {
	return auth.IssuerOptions{Profile: name, Issuer: goodIssuers[name], Keys: []crypto.PublicKey{edKey().Public()}}
}

// claimsOf are claims that each issuer with the profile accepts.
func claimsOf(name string, pairs ...any) object {
	claims := goodClaims().with("iss", goodIssuers[name])
	switch name {
	case "clerk":
		claims = claims.with("aud", nil, "azp", audience)
	case "cognito":
		claims = claims.with("aud", nil, "client_id", audience, "token_use", "access")
	case "entra":
		claims = claims.with("azp", "page", "oid", "u-1")
	case "keycloak":
		claims = claims.with("typ", "Bearer")
	}
	return claims.with(pairs...)
}

// TestProfilesNeedNoMore: issuer, audience and profile are enough.
func TestProfilesNeedNoMore(t *testing.T) {
	t.Parallel()
	for _, name := range auth.Profiles() {
		o := auth.IssuerOptions{Profile: name, Issuer: goodIssuers[name], Audience: []string{audience}}
		v, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{o}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v.Close()
		check(t, newVerifier(t, profiled(name)), name, sign(t, edKey(), claimsOf(name), "typ", "JWT"), "ok")
	}
}

// TestSettingsWinOverProfiles: a profile fills in what is empty, once.
func TestSettingsWinOverProfiles(t *testing.T) {
	t.Parallel()
	for _, name := range auth.Profiles() {
		set := auth.IssuerOptions{
			Profile: name, Issuer: goodIssuers[name], Audience: []string{audience},
			JWKSURL: "https://keys.example.com", Algorithms: []string{"ES384"},
			ClaimNames:  auth.ClaimNames{Subject: "a", Audience: "b", Scope: "c", Session: "d"},
			MaxLifetime: time.Minute, Claims: []string{},
		}
		if got := set.WithProfile(); !reflect.DeepEqual(got, set) {
			t.Errorf("%s replaces settings:\n%+v\n%+v", name, got, set)
		}
		preset := auth.IssuerOptions{Profile: name, Issuer: goodIssuers[name]}.WithProfile()
		if again := preset.WithProfile(); !reflect.DeepEqual(again, preset) {
			t.Errorf("%s is not the same when it is applied twice:\n%+v\n%+v", name, again, preset)
		}
	}
	secret := auth.IssuerOptions{Profile: "supabase", Issuer: goodIssuers["supabase"], HMACSecretFile: "secret"}.WithProfile()
	if secret.JWKSURL != "" || secret.Algorithms != nil {
		t.Errorf("a secret gets a JWKS URL or algorithms: %+v", secret)
	}
	if got := (auth.IssuerOptions{Profile: "supabase", Issuer: goodIssuers["supabase"]}).WithProfile().JWKSURL; got != "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json" {
		t.Errorf("supabase's keys at %s", got)
	}
}

func TestProfileDemands(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, profile string
		claims        []any
		want          string
	}{
		{"a Keycloak token without typ", "keycloak", []any{"typ", nil}, "bearer_type"},
		{"a Keycloak token of another typ", "keycloak", []any{"typ", "Serialized-ID"}, "bearer_type"},
		{"a typ that is no text", "keycloak", []any{"typ", []string{"Bearer"}}, "bearer_type"},
		{"a Cognito token that says nothing", "cognito", []any{"token_use", nil}, "bearer_type"},
		{"an Entra token of version 1.0", "entra", []any{"azp", nil, "appid", "page"}, "ok"},
		{"an Entra token for no client", "entra", []any{"azp", nil}, "bearer_type"},
		{"an Entra token with roles and no client", "entra", []any{"azp", nil, "roles", []string{"admin"}}, "bearer_type"},
		{"an Entra token of 28 hours", "entra", []any{"iat", now.Add(-5 * time.Minute).Unix(), "exp", now.Add(28 * time.Hour).Unix()}, "ok"},
		{"a Clerk session that is active", "clerk", []any{"sts", "active"}, "ok"},
		{"a Clerk session that is pending", "clerk", []any{"sts", "pending"}, "bearer_type"},
		{"a Clerk token for us that a foreign page got", "clerk", []any{"aud", audience, "azp", "https://other.example.com"}, "bearer_audience"},
		{"a Clerk token for somebody else that our page got", "clerk", []any{"aud", "other"}, "bearer_audience"},
		{"a Cognito token that is bound to another resource", "cognito", []any{"aud", "https://other.example.com"}, "bearer_audience"},
		{"a Cognito token that is bound to us", "cognito", []any{"aud", []string{"https://other.example.com", audience}}, "ok"},
	} {
		check(t, newVerifier(t, profiled(row.profile)), row.rule, sign(t, edKey(), claimsOf(row.profile, row.claims...), "typ", "JWT"), row.want)
	}
}

// TestIDTokensAreBearersWhereTheProfileSaysSo and nowhere else; and there,
// nothing else than ID tokens is let in by it.
func TestIDTokensAreBearersWhereTheProfileSaysSo(t *testing.T) {
	t.Parallel()
	for _, name := range auth.Profiles() {
		want := "bearer_type"
		if name == "google" || name == "firebase" {
			want = "ok"
		}
		v := newVerifier(t, profiled(name))
		for _, mark := range []string{"at_hash", "c_hash"} {
			check(t, v, name+" "+mark, sign(t, edKey(), claimsOf(name, mark, "x"), "typ", "JWT"), want)
		}
		for rule, claims := range map[string]object{
			"logout":  claimsOf(name, "events", object{"http://schemas.openid.net/event/backchannel-logout": object{}}),
			"refresh": claimsOf(name, "token_type", "refresh"),
			"id":      claimsOf(name, "token_type", "id"),
			"offline": claimsOf(name, "type", "offline"),
		} {
			check(t, v, name+" "+rule, sign(t, edKey(), claims, "typ", "JWT"), "bearer_type")
		}
		check(t, v, name+" by typ", sign(t, edKey(), claimsOf(name), "typ", "logout+jwt"), "bearer_type")
		check(t, v, name+" audience", sign(t, edKey(), claimsOf(name, "aud", "other", "client_id", "other", "azp", "other"), "typ", "JWT"), "bearer_audience")
	}
	for _, name := range []string{"google", "firebase"} {
		check(t, newVerifier(t, profiled(name)), name, sign(t, edKey(), claimsOf(name, "nonce", "n"), "typ", "JWT"), "ok")
	}
	check(t, newVerifier(t, profiled("okta")), "okta", sign(t, edKey(), claimsOf("okta", "nonce", "n"), "typ", "JWT"), "bearer_type")
}

// TestProfileFaults: what a profile cannot know is a fault that says where the
// provider shows it.
func TestProfileFaults(t *testing.T) {
	t.Parallel()
	if got := slices.Sorted(slices.Values(auth.Profiles())); !slices.Equal(got, auth.Profiles()) || len(got) != len(goodIssuers) {
		t.Errorf("profiles %q, want %d in order", got, len(goodIssuers))
	}
	for _, row := range []struct{ profile, issuer, want string }{
		{"keycloak", "https://id.example.com", "Issuers[0].Issuer: for profile keycloak: must be https://HOST/realms/REALM"},
		{"keycloak", "https://id.example.com/realms/acme/", "must be https://HOST/realms/REALM"},
		{"auth0", "https://acme.eu.auth0.com", "with the slash at its end"},
		{"auth0", "acme.eu.auth0.com", "with the slash at its end"},
		{"okta", "https://acme.okta.com", "a custom authorization server"},
		{"entra", "https://login.microsoftonline.com/common/v2.0", "no name or common"},
		{"entra", "https://login.microsoftonline.com/acme.onmicrosoft.com/v2.0", "no name or common"},
		{"cognito", "https://acme.auth.eu-central-1.amazoncognito.com", "cognito-idp.REGION.amazonaws.com"},
		{"google", "https://accounts.google.com/", "https://accounts.google.com (got"},
		{"firebase", "https://acme-chat.firebaseapp.com", "securetoken.google.com/PROJECT_ID"},
		{"supabase", "https://abcdefghijklmnopqrst.supabase.co", "/auth/v1"},
		{"clerk", "https://clerk.example.com/", "Frontend API URL"},
		{"clerk", "", "Frontend API URL"},
		{"keycloack", "https://id.example.com/realms/acme", `Issuers[0].Profile: must be one of auth0, clerk, cognito, entra, firebase, google, keycloak, okta, supabase (got "keycloack")`},
	} {
		o := auth.IssuerOptions{Profile: row.profile, Issuer: row.issuer, Audience: []string{audience}}
		_, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{o}})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s at %q: %v, want %q", row.profile, row.issuer, err, row.want)
		}
	}
	for name, issuer := range goodIssuers {
		_, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{{Profile: name, Issuer: issuer}}})
		if err == nil || !strings.Contains(err.Error(), "Issuers[0].Audience: for profile "+name+": must list at least one") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s without audience: %v, want one fault that says where to find it", name, err)
		}
	}
}

func TestProfileRulesAreTold(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"keycloak": "claim typ must be Bearer", "entra": "claim azp or appid is required",
		"cognito": "claim token_use must be access; claim aud must hold one", "clerk": "claim sts must be active, if it is present; claim aud must hold one",
		"google": "ID tokens are accepted", "firebase": "ID tokens are accepted",
	} {
		if rules := strings.Join(auth.ProfileRules(name), "; "); !strings.HasPrefix(rules, want) {
			t.Errorf("%s: %q, want %q", name, rules, want)
		}
	}
	for _, name := range []string{"auth0", "okta", "supabase", "", "none"} {
		if rules := auth.ProfileRules(name); rules != nil {
			t.Errorf("%s: %q, want none", name, rules)
		}
	}
}

// TestExplainNamesTheProfile as the setting where it alone refuses the bearer.
func TestExplainNamesTheProfile(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, profiled("cognito"))
	for use, want := range map[any]string{nil: "Issuers[0].Profile", "session": "Issuers[0].Profile", "id": ""} {
		bearer := ticket.NewBearer(sign(t, edKey(), claimsOf("cognito", "token_use", use), "typ", "JWT"))
		all, err := v.Explain(t.Context(), bearer)
		if err != nil || len(all) != 1 || ticket.Reason(all[0].Err) != "bearer_type" || all[0].Setting != want {
			t.Errorf("token_use %v: %+v, %v, want the setting %q", use, all, err, want)
		}
	}
}
