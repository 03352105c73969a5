package auth_test

import (
	"crypto"
	"strings"
	"testing"

	"wsticket/auth"
	"wsticket/ticket"
)

// explainsTheSame fails unless Explain says of a bearer what Authenticate says.
func explainsTheSame(t *testing.T, v *auth.Verifier, bearer ticket.Bearer, want error) {
	t.Helper()
	issuers, err := v.Explain(t.Context(), bearer)
	if len(issuers) > 0 {
		err = issuers[0].Err
	}
	if got := ticket.Reason(err); got != ticket.Reason(want) {
		t.Errorf("Explain says %s, Authenticate %s", got, ticket.Reason(want))
	}
}

// TestExplain: each issuer is asked, in the order of the options, and a setting
// is named only where one would let the bearer in.
func TestExplain(t *testing.T) {
	t.Parallel()
	keys := []crypto.PublicKey{edKey().Public()}
	v := explaining(t, []auth.IssuerOptions{
		{Issuer: "https://z.example", Keys: keys},
		{Keys: keys, Type: auth.AccessTokenType},
		{Issuer: "https://a.example", JWKSURL: "https://a.example/jwks", Algorithms: []string{"EdDSA"}},
	})
	for _, row := range []struct {
		rule   string
		bearer string
		want   string
	}{
		{"good for the second", sign(t, edKey(), goodClaims().with("client_id", "app")), "bearer_issuer Issuers[0].Issuer, ok, bearer_issuer Issuers[2].Issuer"},
		{"what at+jwt requires", sign(t, edKey(), goodClaims()), "bearer_issuer Issuers[0].Issuer, bearer_claims Issuers[1].Type, bearer_issuer Issuers[2].Issuer"},
		{"what every issuer requires", sign(t, edKey(), goodClaims().with("exp", nil)), "bearer_issuer Issuers[0].Issuer, bearer_claims, bearer_issuer Issuers[2].Issuer"},
		{"another signer", sign(t, edOther(), goodClaims()), "bearer_issuer Issuers[0].Issuer, bearer_signature Issuers[1].Keys, bearer_issuer Issuers[2].Issuer"},
	} {
		if got := explained(t, v, row.bearer); got != row.want {
			t.Errorf("%s: got %s\nwant %s", row.rule, got, row.want)
		}
	}
	plain := explaining(t, []auth.IssuerOptions{{Keys: keys, Type: "JWT"}})
	if got := explained(t, plain, sign(t, edKey(), goodClaims().with("jti", 5), "typ", "JWT")); got != "bearer_claims" {
		t.Errorf("a jti that is wrong for every type: got %s", got)
	}
	if issuers, err := v.Explain(t.Context(), ticket.NewBearer("opaque")); ticket.Reason(err) != "bearer_malformed" || issuers != nil {
		t.Errorf("what is no JWT: got %v, %v", issuers, err)
	}
}

// explaining returns a Verifier that has not started, so that it opens no
// connection.
func explaining(t *testing.T, issuers []auth.IssuerOptions) *auth.Verifier {
	t.Helper()
	for n := range issuers {
		issuers[n].Audience = []string{audience}
		if issuers[n].Issuer == "" {
			issuers[n].Issuer = issuerName
		}
	}
	v, err := auth.New(auth.Options{Now: clock, Issuers: issuers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func explained(t *testing.T, v *auth.Verifier, bearer string) string {
	t.Helper()
	issuers, err := v.Explain(t.Context(), ticket.NewBearer(bearer))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, e := range issuers {
		parts = append(parts, strings.TrimSpace(ticket.Reason(e.Err)+" "+e.Setting))
	}
	return strings.Join(parts, ", ")
}
