package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// issuerHeader is the setting that a service with bearers and a lookup of sessions
// needs.
const issuerHeader = "identity.headers=sub=X-User, iss=X-User-Issuer"

// TestUsersOfTwoIssuers: check-config refuses an identity that does not say whose
// user it is, and takes what the fault says to write. TestFaults holds that serve
// says the same.
func TestUsersOfTwoIssuers(t *testing.T) {
	t.Parallel()
	key := test.WriteFile(t, "key.pem", publicKeyPEM(t, newP256(t)))
	assertion := test.WriteFile(t, "assertion.pem", test.PrivatePEM(newEd25519(t)))
	issuer := func(name string, more string) string {
		return fmt.Sprintf("  - {issuer: %q, audience: [ws], public_key_file: %q%s}\n", name, key, more)
	}
	both := "issuers:\n" + issuer("https://a.example", "") + issuer("https://b.example", ", claims: [tenant, \"https://b.example/role\"]")
	lookup := "session: {cookie: sid, lookup_url: \"http://127.0.0.1:3000/session\"}\norigins: [\"https://app.example.com\"]\n"
	for _, row := range []struct {
		rule, file string
		refused    bool
	}{
		{"a preset", both, true},
		{"another preset", both + "identity: {headers: remote}\n", true},
		{"headers of one's own", both + "identity: {headers: {tenant: X-Tenant, \"https://b.example/role\": X-Role}}\n", true},
		{"an issuer and sessions", "issuers:\n" + issuer("https://a.example", "") + lookup, true},
		{"the issuer is in a header", both + "identity: {headers: {sub: X-User, iss: X-Issuer}}\n", false},
		{"no header says who the user is", both + "identity: {headers: {}}\n", false},
		{"what the ticket is for", both + "identity: {headers: {aud: X-Endpoint, scope: X-Scope}}\n", false},
		{"an assertion, which has orig_iss", both + fmt.Sprintf("public: {url: \"https://ws.example\"}\nidentity: {assertion_key_file: %q, assertion_audience: app}\n", assertion), false},
		{"one issuer", "issuers:\n" + issuer("https://a.example", ""), false},
		{"cookies with the issuer's JWTs", "issuers:\n" + issuer("https://a.example", "") + strings.Replace(lookup, "lookup_url: \"http://127.0.0.1:3000/session\"", "jwt: true", 1), false},
		{"an application with one name for both", "issuers:\n" + issuer("http://127.0.0.1:3000", "") + lookup, false},
		{"sessions alone", lookup, false},
	} {
		check := func(file string) error {
			_, _, err := runIn(t, nil, "check-config", "--config", test.WriteFile(t, "wsticket.yaml", file))
			return err
		}
		err := check(row.file)
		if (err != nil) != row.refused {
			t.Errorf("%s: %v", row.rule, err)
		}
		if err == nil {
			continue
		}
		write := regexp.MustCompile(`write (identity: \{headers: \{.*\}\}), and`).FindStringSubmatch(err.Error())
		if write == nil {
			t.Errorf("%s: %v does not say what to write", row.rule, err)
			continue
		}
		before, _, _ := strings.Cut(row.file, "identity:")
		if err := check(before + write[1] + "\n"); err != nil {
			t.Errorf("%s: with %s: %v", row.rule, write[1], err)
		}
	}
}

// TestDevWithAnIssuerOfYourOwn: the demo's users and yours are told apart.
func TestDevWithAnIssuerOfYourOwn(t *testing.T) {
	key := test.WriteFile(t, "key.pem", publicKeyPEM(t, newP256(t)))
	start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0",
		"--set", fmt.Sprintf("issuers=[{issuer: \"https://id.example.com\", audience: [ws], public_key_file: %q}]", key))
}
