package auth_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// TestKeyStates: an issuer's keys over an outage. The state says since when, and
// the bearer's refusal and the state name the same cause.
func TestKeyStates(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"), publicJWK(t, edOther(), "kid", "b"))
	inBubble(t, set, func(b *bubble) {
		start := time.Now()
		wantState := func(rule string, since time.Time, keys int, cause string) {
			b.t.Helper()
			got := b.v.KeyStates()
			if len(got) != 1 || got[0].Issuer != issuerName || got[0].URL != "http://id.example.com/jwks" ||
				!got[0].Since.Equal(since) || got[0].Keys != keys {
				b.t.Errorf("%s: got %+v, want since %s and %d keys", rule, got, since, keys)
			}
			if err := fmt.Sprint(got[0].Err); err != cause {
				b.t.Errorf("%s: got %s, want %s", rule, err, cause)
			}
		}
		wantState("at the start", start, 2, "<nil>")
		b.fail()
		advance(11 * time.Minute)
		down := b.v.KeyStates()[0].Since
		const cause = "id.example.com: status 500 for /jwks"
		if passed := down.Sub(start); passed < 8*time.Minute || passed > 10*time.Minute {
			b.t.Errorf("down since %s after the start, want at the first refresh", passed)
		}
		wantState("down, with keys", down, 2, cause)
		b.serve("<html>")
		advance(50 * time.Minute)
		wantState("down, with keys that are too old", down, 0, "id.example.com: the key set is refused: HTML or XML, not JSON")
		_, err := b.v.Authenticate(b.t.Context(), ticket.NewBearer(sign(b.t, edKey(), b.claims, "kid", "a")))
		if got := fmt.Sprint(ticket.AttrsOf(err)); !strings.Contains(got, "cause=id.example.com: the key set is refused") {
			b.t.Errorf("attributes of the refusal: got %s, want the cause", got)
		}
		b.serve(set)
		advance(2 * time.Minute)
		up := b.v.KeyStates()[0].Since
		if !up.After(down.Add(50 * time.Minute)) {
			b.t.Errorf("up since %s, want after the outage", up)
		}
		wantState("up again", up, 2, "<nil>")
	})
}

// TestKeyStatesBeforeStart: nothing is known yet, and keys of a file are there.
func TestKeyStatesBeforeStart(t *testing.T) {
	t.Parallel()
	v, err := auth.New(auth.Options{Now: clock, Issuers: []auth.IssuerOptions{
		{Issuer: "https://b.example.com", Audience: []string{audience}, JWKSURL: "https://b.example.com/jwks?apikey=secret-marker"},
		{Issuer: "https://a.example.com", Audience: []string{audience}, Keys: []crypto.PublicKey{edKey().Public()}},
		{Issuer: "https://c.example.com/x/", Audience: []string{audience}, Discovery: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got := v.KeyStates()
	if len(got) != 3 {
		t.Fatalf("got %d states, want 3", len(got))
	}
	if got[0] != (auth.KeyState{Issuer: "https://a.example.com", Since: now, Keys: 1}) {
		t.Errorf("keys from Go: got %+v", got[0])
	}
	for n, url := range map[int]string{1: "https://b.example.com/jwks?…", 2: "https://c.example.com/x/.well-known/openid-configuration"} {
		if got[n].URL != url || got[n].Keys != 0 || got[n].Err == nil || got[n].Since != now {
			t.Errorf("got %+v, want %s, no keys and an error", got[n], url)
		}
	}
	fetches := v.Stats().KeyFetches
	for _, issuer := range []string{"https://b.example.com", "https://c.example.com/x/"} {
		if counts := fetches[issuer]; len(counts) != 5 || counts["ok"]+counts["status"] != 0 {
			t.Errorf("%s: got counts %v, want five that are zero", issuer, counts)
		}
	}
	if len(fetches) != 2 {
		t.Errorf("got counts of %d issuers, want 2: keys from Go are not fetched", len(fetches))
	}
}

// TestOutageIsLoggedOnce: one line when it begins, with host and cause, and one
// when it ends, however often it is tried in between; a later one is new.
func TestOutageIsLoggedOnce(t *testing.T) {
	set := jwks(t, publicJWK(t, edKey(), "kid", "a"))
	inBubble(t, set, func(b *bubble) {
		for range 2 {
			b.fail()
			advance(40 * time.Minute)
			b.serve(set)
			advance(5 * time.Minute)
		}
		b.v.Close()
		lines := slices.Collect(strings.Lines(b.log.String()))
		if len(lines) != 4 {
			b.t.Fatalf("got %d lines, want 4:\n%s", len(lines), &b.log)
		}
		for n, want := range []string{"keys cannot be fetched", "keys are fetched again", "keys cannot be fetched", "keys are fetched again"} {
			if !strings.Contains(lines[n], `"level":"WARN","msg":"`+want+`","issuer":"`+issuerName+`"`) {
				b.t.Errorf("line %d: got %s, want %s", n+1, lines[n], want)
			}
		}
		if !strings.Contains(lines[0], `"host":"id.example.com","cause":"status 500 for /jwks","keys_good_until":"`) {
			b.t.Errorf("got %s, want host, cause and until when the keys serve", lines[0])
		}
	})
}

// TestSkippedKeysAreLoggedOncePerChange, not once per fetch.
func TestSkippedKeysAreLoggedOncePerChange(t *testing.T) {
	good, bad := publicJWK(t, edKey(), "kid", "a"), object{"kty": "oct", "k": "AAAA", "kid": "bad"}
	inBubble(t, jwks(t, good, bad), func(b *bubble) {
		advance(time.Hour)
		b.serve(jwks(t, good, bad, bad.with("kid", "worse")))
		advance(time.Hour)
		b.serve(jwks(t, good))
		advance(time.Hour)
		b.v.Close()
		log := b.log.String()
		if got := strings.Count(log, `"msg":"key is not used"`); got != 3 || strings.Count(log, `"kid":"worse"`) != 1 {
			b.t.Errorf("got %d lines, want one at first and two at the change:\n%s", got, log)
		}
	})
}

// TestProbeKeys: what an issuer publishes, without a start and without a trace
// in the Verifier.
func TestProbeKeys(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, "")
	server.handle(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"/.well-known/openid-configuration":   toJSON(t, object{"issuer": server.url, "jwks_uri": server.url + "/keys?x=1"}),
			"/b/.well-known/openid-configuration": toJSON(t, object{"issuer": server.url + "/b/", "jwks_uri": server.url + "/keys"}),
			"/keys": jwks(t, publicJWK(t, rsaKey(), "kid", "r\n"), publicJWK(t, p256Key(), "kid", "e"),
				publicJWK(t, rsaKey(), "kid", "enc", "use", "enc"), publicJWK(t, rsaOther(), "kid", "bad", "e", "Aw")),
		}[r.URL.Path]
		if body == "" {
			http.NotFound(w, r)
		}
		_, _ = io.WriteString(w, body)
	})
	v, err := auth.New(auth.Options{Now: clock, Network: server.network, Issuers: []auth.IssuerOptions{
		{Issuer: server.url, Audience: []string{audience}, Discovery: true, Algorithms: []string{"RS256", "PS256", "ES256"}},
		{Issuer: server.url + "/b", Audience: []string{audience}, Discovery: true},
		{Issuer: server.url + "/c", Audience: []string{audience}, JWKSURL: server.url + "/nothing"},
		{Issuer: server.url + "/d", Audience: []string{audience}, Keys: []crypto.PublicKey{edKey().Public()}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got := v.ProbeKeys(t.Context())
	if len(got) != 4 {
		t.Fatalf("got %d reports, want 4", len(got))
	}
	found := got[0]
	if found.Issuer != server.url || found.Discovery != server.url+"/.well-known/openid-configuration" ||
		found.URL != server.url+"/keys?…" || found.Err != nil {
		t.Errorf("got %+v, want the addresses and no error", found)
	}
	if keys := fmt.Sprint(found.Keys); keys != `[r\n (PS256, RS256) e (ES256)]` {
		t.Errorf("keys: got %s, want both with their algorithms", keys)
	}
	if len(found.Skipped) != 2 || !found.Skipped[0].Harmless || found.Skipped[1].Harmless ||
		found.Skipped[1].String() != `key "bad": RSA exponent is even or not within 65537 and 2^31-1` {
		t.Errorf("skipped: got %v, want one for encryption and one that is wrong", found.Skipped)
	}
	if err := fmt.Sprint(got[1].Err); !strings.Contains(err, server.url+"/b/\", the configured issuer is \""+server.url+"/b\"") || got[1].URL != "" {
		t.Errorf("another issuer: got %s, want both names", err)
	}
	if err := fmt.Sprint(got[2].Err); err != "example.com: status 404 for /nothing" || got[2].URL != server.url+"/nothing" {
		t.Errorf("a wrong path: got %s at %s", err, got[2].URL)
	}
	if len(got[3].Keys) != 1 || got[3].Err != nil || got[3].URL != "" {
		t.Errorf("keys from Go: got %+v, want one", got[3])
	}
	if err := v.Ready(t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("Ready after a probe: got %v, want ErrUnavailable: a probe keeps nothing", err)
	}
}

// TestProbeKeysEnds: with its context, where nobody answers.
func TestProbeKeysEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	v, err := auth.New(auth.Options{
		Network: auth.Network{LookupIP: publicIP, Dial: blockUntilDone(cancel)},
		Issuers: []auth.IssuerOptions{{Issuer: issuerName, Audience: []string{audience}, JWKSURL: issuerName}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got := v.ProbeKeys(ctx); got[0].Err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}
