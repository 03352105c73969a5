package auth_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// keyServer is an issuer's https server. It listens on loopback, and the
// Network that it comes with pretends that its name has a public address, so
// that the rules for addresses hold as in production.
type keyServer struct {
	url     string
	network auth.Network
	fetches atomic.Int64
	handler atomic.Value // http.HandlerFunc
}

// newKeyServer serves body under every path.
func newKeyServer(t *testing.T, body string) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.serve(body)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.handler.Load().(http.HandlerFunc)(w, r) //nolint:errcheck // nothing else is stored
	}))
	server.Config.ErrorLog = discard()
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s.url = "https://example.com" // the name in httptest's certificate
	s.network = auth.Network{
		LookupIP: publicIP, RootCAs: roots,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	return s
}

func (s *keyServer) serve(body string) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

func (s *keyServer) handle(h http.HandlerFunc) { s.handler.Store(h) }

// verifier fetches its keys from the server under /jwks.
func (s *keyServer) verifier(t *testing.T, algorithms ...string) *auth.Verifier {
	t.Helper()
	return mustNew(t, auth.Options{
		Now: clock, Network: s.network,
		Issuers: []auth.IssuerOptions{{JWKSURL: s.url + "/jwks", Algorithms: algorithms}},
	})
}

// endless answers with white space until the client hangs up.
func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
			return
		}
	}
}

func publicIP(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
}

// blockUntilDone is a dialer that calls back and then hangs.
func blockUntilDone(dialed func()) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialed()
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, rsaKey(), "kid", "r", "use", "sig", "key_ops", []string{"verify"}),
		publicJWK(t, p256Key(), "kid", "e", "alg", "ES256"), publicJWK(t, edKey(), "kid", "d")))
	v := server.verifier(t, "RS256", "ES256")
	for _, row := range []struct {
		rule string
		key  crypto.Signer
		kid  any
		want string
	}{
		{"RS256 by name", rsaKey(), "r", "ok"},
		{"ES256 by name", p256Key(), "e", "ok"},
		{"an algorithm that the operator did not allow", edKey(), "d", "bearer_algorithm"},
		{"R38 no name, one key fits", rsaKey(), nil, "ok"},
		{"the name of another key", rsaKey(), "e", "bearer_algorithm"},
		{"signed by somebody else", rsaOther(), "r", "bearer_signature"},
	} {
		check(t, v, row.rule, sign(t, row.key, goodClaims(), "kid", row.kid), row.want)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("Ready: got %v, want nil", err)
	}
	if got := fetchCounts(v); got["ok"] != 1 || len(got) != 1 {
		t.Errorf("fetches: got %v, want one that was ok", got)
	}
}

// TestKeysThatAreLeftOut is S9: a bad key is left out, and the rest of its set
// is used.
func TestKeysThatAreLeftOut(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, "")
	good := publicJWK(t, edOther(), "kid", "good")
	for rule, bad := range badJWKs(t) {
		if _, named := bad["kid"]; !named {
			bad = bad.with("kid", "bad")
		}
		server.serve(jwks(t, bad, good))
		v := server.verifier(t, "EdDSA", "RS256", "ES256")
		check(t, v, rule+": the other key", sign(t, edOther(), goodClaims(), "kid", "good"), "ok")
		check(t, v, rule+": is not there", sign(t, rsaKey(), goodClaims(), "kid", "bad"), "bearer_key_unknown")
	}
	server.serve(jwks(t, publicJWK(t, rsaKey(), "kid", "a", "use", "enc"), good))
	v := server.verifier(t, "RS256", "EdDSA")
	check(t, v, "an encryption key is not the one key that fits", sign(t, rsaKey(), goodClaims()), "bearer_key_unknown")
}

// TestSetsThatAreRefused is S5, S7, S8, S10, S12 and all other bad answers of a
// URL. Without keys a bearer is neither accepted nor refused.
func TestSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	key := publicJWK(t, edKey(), "kid", "a")
	many := make([]object, 101)
	for i := range many {
		many[i] = publicJWK(t, edKey(), "kid", fmt.Sprint(i))
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, jwks(t, key))
		}
	}
	for _, row := range []struct {
		rule    string
		handler http.HandlerFunc
		want    string
	}{
		{"S2 a redirect into our network", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://169.254.169.254/latest", http.StatusFound)
		}, "status"},
		{"S2 a redirect to the same server", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusMovedPermanently)
		}, "status"},
		{"an error status", status(http.StatusInternalServerError), "status"},
		{"a status that is not 200", status(http.StatusAccepted), "status"},
		{"S5 more than 1 MiB", body(strings.Repeat(" ", 1<<20) + jwks(t, key)), "content"},
		{"S5 a body without end", endless, "content"},
		{"S5 gzip that nobody asked for", func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "" {
				t.Errorf("Accept-Encoding: got %q, want none", got)
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
		}, "content"},
		{"S7 101 keys", body(jwks(t, many...)), "content"},
		{"S8 HTML", body("<!doctype html><html></html>"), "content"},
		{"nothing", body(""), "content"},
		{"null", body("null"), "content"},
		{"no keys", body("{}"), "content"},
		{"a key that is not in a set", body(toJSON(t, key)), "content"},
		{"keys twice", body(`{"keys":[],"keys":[` + toJSON(t, key) + `]}`), "content"},
		{"keys is not a list", body(`{"keys":{"a":` + toJSON(t, key) + `}}`), "content"},
		{"text after the set", body(jwks(t, key) + "{}"), "content"},
		{"S12 an empty set", body(`{"keys":[]}`), "content"},
		{"S12 only keys that are not for us", body(jwks(t, publicJWK(t, edKey(), "use", "enc"))), "content"},
		{"S12 only keys that no allowed algorithm fits", body(jwks(t, publicJWK(t, rsaKey()))), "content"},
		{"a connection that is cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unreachable"},
		{"a body that is cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, jwks(t, key))
		}, "unreachable"},
		{"a header without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 128<<10))
		}, "unreachable"},
	} {
		server := newKeyServer(t, "")
		server.handle(row.handler)
		v := server.verifier(t, "EdDSA")
		check(t, v, row.rule, sign(t, edKey(), goodClaims(), "kid", "a"), "keys_unavailable")
		if got := fetchCounts(v); got[row.want] != 1 || len(got) != 1 {
			t.Errorf("%s: fetches: got %v, want one %q", row.rule, got, row.want)
		}
		err := v.Ready(t.Context())
		if !errors.Is(err, ticket.ErrUnavailable) || !strings.Contains(err.Error(), issuerName) {
			t.Errorf("%s: Ready: got %v, want ErrUnavailable with the issuer's name", row.rule, err)
		}
		if got := server.fetches.Load(); got != 1 {
			t.Errorf("%s: requests: got %d, want 1", row.rule, got)
		}
	}
}

// TestOneFetchForAnyNumberOfKids is R35: any number of unknown names causes one
// fetch, and does not wait for another.
func TestOneFetchForAnyNumberOfKids(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, edKey(), "kid", "a")))
	var clock atomic.Int64
	v := mustNew(t, auth.Options{
		Now: func() time.Time { return now.Add(time.Duration(clock.Load())) }, Network: server.network,
		Issuers: []auth.IssuerOptions{{JWKSURL: server.url, Algorithms: []string{"EdDSA"}}},
	})
	clock.Store(int64(time.Minute))
	text := sign(t, edKey(), goodClaims())
	payload := text[strings.IndexByte(text, '.'):]
	var group sync.WaitGroup
	for worker := range 10 {
		group.Go(func() {
			for n := range 1000 {
				header := fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":"%d-%d"}`, worker, n)
				_, err := v.Authenticate(t.Context(), ticket.NewBearer(b64([]byte(header))+payload))
				if got := ticket.Reason(err); got != "bearer_key_unknown" {
					t.Errorf("got %s, want bearer_key_unknown", got)
				}
			}
		})
	}
	group.Wait()
	if got := server.fetches.Load(); got != 2 {
		t.Errorf("fetches for 10 000 unknown kids: got %d, want 2", got)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, "")
	set := jwks(t, publicJWK(t, rsaKey(), "kid", "a"))
	serve := func(path, document string) {
		server.handle(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case path:
				_, _ = io.WriteString(w, document)
			case "/keys":
				_, _ = io.WriteString(w, set)
			default:
				http.NotFound(w, r)
			}
		})
	}
	const wellKnown = "/.well-known/openid-configuration"
	for _, row := range []struct{ rule, issuer, path, document, want string }{
		{"the issuer's own document", "", wellKnown, `{"issuer":"{}","jwks_uri":"{}/keys","x":[1]}`, "ok"},
		{"an issuer with a path", "/tenant", "/tenant" + wellKnown, `{"issuer":"{}/tenant","jwks_uri":"{}/keys"}`, "ok"},
		{"a slash at its end is not doubled", "/tenant/", "/tenant" + wellKnown, `{"issuer":"{}/tenant/","jwks_uri":"{}/keys"}`, "ok"},
		{"the document of another issuer", "", wellKnown, `{"issuer":"https://evil.example","jwks_uri":"{}/keys"}`, "content"},
		{"the issuer with a slash", "", wellKnown, `{"issuer":"{}/","jwks_uri":"{}/keys"}`, "content"},
		{"no issuer", "", wellKnown, `{"jwks_uri":"{}/keys"}`, "content"},
		{"only ISSUER", "", wellKnown, `{"ISSUER":"{}","jwks_uri":"{}/keys"}`, "content"},
		{"no jwks_uri", "", wellKnown, `{"issuer":"{}"}`, "content"},
		{"jwks_uri over http", "", wellKnown, `{"issuer":"{}","jwks_uri":"http://example.com/keys"}`, "content"},
		{"jwks_uri of a metadata service", "", wellKnown, `{"issuer":"{}","jwks_uri":"https://169.254.169.254/keys"}`, "content"},
		{"jwks_uri is a list", "", wellKnown, `{"issuer":"{}","jwks_uri":["{}/keys"]}`, "content"},
		{"issuer twice", "", wellKnown, `{"issuer":"https://evil.example","issuer":"{}","jwks_uri":"{}/keys"}`, "content"},
		{"not JSON", "", wellKnown, `<html>`, "content"},
		{"null", "", wellKnown, `null`, "content"},
		{"not there", "", "/elsewhere", `{}`, "status"},
		{"keys not there", "", wellKnown, `{"issuer":"{}","jwks_uri":"{}/nothing"}`, "status"},
	} {
		serve(row.path, strings.ReplaceAll(row.document, "{}", server.url))
		issuer := server.url + row.issuer
		v := mustNew(t, auth.Options{
			Now: clock, Network: server.network,
			Issuers: []auth.IssuerOptions{{Issuer: issuer, Discovery: true}},
		})
		want := "keys_unavailable"
		if row.want == "ok" {
			want = "ok"
		}
		check(t, v, row.rule, sign(t, rsaKey(), goodClaims().with("iss", issuer), "kid", "a"), want)
		if got := fetchCounts(v); got[row.want] != 1 {
			t.Errorf("%s: fetches: got %v, want one %q", row.rule, got, row.want)
		}
	}
}

// TestIssuers is J42, J46, R27 and R34: issuers do not mix. The same kid at two
// of them is two keys, and an unknown kid of one asks only that one.
func TestIssuers(t *testing.T) {
	t.Parallel()
	one := newKeyServer(t, jwks(t, publicJWK(t, edKey(), "kid", "same")))
	two := newKeyServer(t, jwks(t, publicJWK(t, edOther(), "kid", "same"), publicJWK(t, p256Key(), "kid", "own")))
	hosts := map[string]*keyServer{"93.184.216.34:443": one, "93.184.216.35:443": two}
	network := one.network
	network.LookupIP = func(_ context.Context, host string) ([]netip.Addr, error) {
		addr := map[string]string{"one.example.com": "93.184.216.34", "two.example.com": "93.184.216.35"}[host]
		return []netip.Addr{netip.MustParseAddr(addr)}, nil
	}
	network.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return hosts[address].network.Dial(ctx, network, address)
	}
	const other = "https://two.example.com"
	v := mustNew(t, auth.Options{Now: clock, Network: network, Issuers: []auth.IssuerOptions{
		{JWKSURL: "https://one.example.com/", Algorithms: []string{"EdDSA", "ES256"}},
		{Issuer: other, Audience: []string{"chat"}, JWKSURL: "https://two.example.com/", Algorithms: []string{"EdDSA", "ES256"}},
	}})
	theirs := goodClaims().with("iss", other, "aud", "chat")
	for _, row := range []struct {
		rule   string
		key    crypto.Signer
		claims object
		kid    string
		want   string
	}{
		{"the first", edKey(), goodClaims(), "same", "ok"},
		{"the second", edOther(), theirs, "same", "ok"},
		{"J46 the second signs for the first", edOther(), goodClaims(), "same", "bearer_signature"},
		{"J46 the first signs for the second", edKey(), theirs, "same", "bearer_signature"},
		{"an audience that only the second has", edKey(), goodClaims().with("aud", "chat"), "same", "bearer_audience"},
		{"J46 a kid that only the second has, for the first", p256Key(), goodClaims(), "own", "bearer_key_unknown"},
		{"and for the second", p256Key(), theirs, "own", "ok"},
	} {
		got := check(t, v, row.rule, sign(t, row.key, row.claims, "kid", row.kid), row.want)
		if row.want == "ok" && (got.Issuer != row.claims["iss"] || got.Subject != "u-1") {
			t.Errorf("R27: %s: got %s of %s", row.rule, got.Subject, got.Issuer)
		}
	}
	if one.fetches.Load() != 1 || two.fetches.Load() != 1 {
		t.Errorf("fetches: got %d and %d, want one each", one.fetches.Load(), two.fetches.Load())
	}
}

// TestRequest: an issuer sees a plain request, and R33: proxy variables of the
// environment are ignored.
func TestRequest(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	server := newKeyServer(t, "")
	server.handle(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.String() != "/jwks" || r.Host != "example.com" {
			t.Errorf("got %s %s at %s, want GET /jwks at example.com", r.Method, r.URL, r.Host)
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer"} {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("%s: got %q, want none", name, got)
			}
		}
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = io.WriteString(w, jwks(t, publicJWK(t, edKey())))
	})
	v := server.verifier(t, "EdDSA")
	check(t, v, "keys came", sign(t, edKey(), goodClaims()), "ok")
}

// TestNothingInATokenIsFetched is R28, R32, J44: after the start no request
// goes anywhere but to the configured URL.
func TestNothingInATokenIsFetched(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, edKey(), "kid", "a")))
	var dialed sync.Map
	dial := server.network.Dial
	server.network.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Store(address, true)
		return dial(ctx, network, address)
	}
	v := server.verifier(t, "EdDSA")
	evil := newKeyServer(t, jwks(t, publicJWK(t, edOther(), "kid", "b")))
	for _, headers := range [][]any{
		{"jku", evil.url, "kid", "b"},
		{"x5u", evil.url, "kid", "b"},
		{"kid", evil.url},
		{"jku", "file:///etc/passwd", "kid", "b"},
		{"x5u", "gopher://evil.example", "kid", "b"},
	} {
		check(t, v, fmt.Sprint(headers), sign(t, edOther(), goodClaims(), headers...), "bearer_key_unknown")
	}
	check(t, v, "iss is a URL", sign(t, edOther(), goodClaims().with("iss", evil.url)), "bearer_issuer")
	dialed.Range(func(address, _ any) bool {
		if address != "93.184.216.34:443" {
			t.Errorf("dialed %v", address)
		}
		return true
	})
	if got := evil.fetches.Load(); got != 0 {
		t.Errorf("requests to the stranger: got %d, want 0", got)
	}
}
