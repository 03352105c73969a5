package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// replace puts a Verifier with other options in the place of b.v, as a reload does.
func (b *bubble) replace(change func(*auth.IssuerOptions)) {
	b.t.Helper()
	o, before := b.options, b.v
	o.Issuers = append([]auth.IssuerOptions(nil), o.Issuers...)
	change(&o.Issuers[0])
	o.Replaces = before
	next, err := auth.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := next.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.v = next
	before.Close()
}

// TestReplace: keys that were fetched go on to the next Verifier, which fetches others
// itself, and what neither needs is no longer fetched.
func TestReplace(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "k"))
	inBubble(t, set, func(b *bubble) {
		b.check("before", edKey(), "k", "ok")
		b.fail()
		b.replace(func(o *auth.IssuerOptions) { o.Audience = []string{"another"} })
		b.wantFetches("another audience", 1)
		b.check("a bearer that was remembered, for the audience of before", edKey(), "k", "bearer_audience")
		b.replace(func(*auth.IssuerOptions) {})
		b.wantFetches("the audience of before", 1)
		b.check("after", edKey(), "k", "ok")
		b.serve(set)
		advance(10 * time.Minute)
		b.wantFetches("the refresh goes on, once", 2)

		b.replace(func(o *auth.IssuerOptions) { o.JWKSURL += "2" })
		b.wantFetches("another place", 3)
		b.check("the same key from another place", edKey(), "k", "ok")
		advance(10 * time.Minute)
		b.wantFetches("the place of before is not asked any more", 4)

		faulty := b.options
		faulty.Issuers = append([]auth.IssuerOptions(nil), faulty.Issuers...)
		faulty.Issuers[0].Leeway, faulty.Replaces = time.Hour, b.v
		if _, err := auth.New(faulty); err == nil {
			t.Error("New took a leeway of an hour")
		}
		advance(10 * time.Minute)
		b.wantFetches("after a fault", 5)
		b.check("after a fault", edKey(), "k", "ok")
	})
}

// TestReplaceStaticKeys: a file is read anew, and a bearer that was remembered is
// verified anew.
func TestReplaceStaticKeys(t *testing.T) {
	t.Parallel()
	issuer := auth.IssuerOptions{PublicKeyFile: test.WriteFile(t, "k.pem", test.PublicPEM(edKey())), Algorithms: []string{"EdDSA"}}
	before := newVerifier(t, issuer)
	bearer := sign(t, edKey(), goodClaims())
	check(t, before, "before", bearer, "ok")
	issuer.PublicKeyFile = test.WriteFile(t, "k.pem", test.PublicPEM(edOther()))
	issuer.Issuer, issuer.Audience = issuerName, []string{audience}
	after, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{issuer}, Now: clock, Replaces: before})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(after.Close)
	check(t, after, "the key of before", bearer, "bearer_signature")
	check(t, after, "the new key", sign(t, edOther(), goodClaims()), "ok")
	none, err := auth.New(auth.Options{Now: clock, Replaces: after})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(none.Close)
	if _, err := none.Authenticate(t.Context(), ticket.NewBearer(sign(t, edOther(), goodClaims()))); ticket.Reason(err) != "bearer_issuer" {
		t.Errorf("an issuer that was removed: got %v, want bearer_issuer", err)
	}
}

// TestReplaceOfClosed: keys that nobody keeps fresh are not shared.
func TestReplaceOfClosed(t *testing.T) {
	inBubble(t, jwks(t, publicJWK(t, edKey(), "kid", "k")), func(b *bubble) {
		b.v.Close()
		b.replace(func(*auth.IssuerOptions) {})
		b.wantFetches("the next one fetches itself", 2)
		synctest.Wait()
		b.check("after", edKey(), "k", "ok")
	})
}
