package config

import (
	"maps"
	"strings"
	"testing"
)

func TestIdentityHeaders(t *testing.T) {
	custom := map[string]string{"sub": "X-User", "email": "X-Email"}
	remote := map[string]string{"sub": "Remote-User", "groups": "Remote-Groups", "name": "Remote-Name", "email": "Remote-Email"}
	for _, row := range []struct {
		rule, file string
		env        []string
		want       map[string]string
		shown      string
	}{
		{"the default", "", nil, preset("x-auth-request").claims, "x-auth-request"},
		{"a key without a value keeps it", "identity: {headers: }", nil, preset("x-auth-request").claims, "x-auth-request"},
		{"a preset", "identity: {headers: remote}", nil, remote, "remote"},
		{"a mapping", "identity: {headers: {sub: X-User, email: X-Email}}", nil, custom, "email=X-Email,sub=X-User"},
		{"a mapping over lines", "identity:\n  headers:\n    sub: X-User\n    email: X-Email\n", nil, custom, "email=X-Email,sub=X-User"},
		{"a mapping in text", "identity: {headers: \"sub=X-User, email=X-Email,\"}", nil, custom, "email=X-Email,sub=X-User"},
		{"the environment", "identity: {headers: {sub: X-Other}}", []string{"WSTICKET_IDENTITY_HEADERS=sub=X-User,email=X-Email"}, custom, "email=X-Email,sub=X-User"},
		{"a preset in the environment", "", []string{"WSTICKET_IDENTITY_HEADERS=remote"}, remote, "remote"},
		{"none", "identity: {headers: {}}", nil, map[string]string{}, ""},
		{"none in text", "identity: {headers: \"\"}", nil, map[string]string{}, ""},
	} {
		file := strings.Replace(goodFile, "audience: [ws]", "audience: [ws]\n    claims: [email]", 1) + row.file
		cfg, err := loadText(t, file, row.env)
		if err != nil || !maps.Equal(cfg.Identity.Headers.claims, row.want) || cfg.Identity.Headers.String() != row.shown {
			t.Errorf("%s: got %v %q, %v, want %v %q", row.rule, cfg.Identity.Headers.claims, cfg.Identity.Headers, err, row.want, row.shown)
		}
	}
	for _, text := range []string{"sub", "sub=X-User,email", "sub=X-User,sub=X-Name", "x-auth-request,sub=X-User"} {
		if _, err := loadText(t, goodFile, nil, "identity.headers="+text); err == nil || !strings.Contains(err.Error(), "must be x-auth-request, x-forwarded, remote") {
			t.Errorf("%s: got %v, want a fault", text, err)
		}
	}
	// The configuration cannot know the claims of sessions that an application
	// confirms.
	const lookup = "session: {cookie: sid, lookup_url: \"http://app\"}\norigins: [\"https://app.example.com\"]\nidentity: {headers: {tenant: X-Tenant}}\n"
	if _, err := loadText(t, goodFile+lookup, nil); err != nil {
		t.Errorf("a claim of the application's: %v", err)
	}
}
