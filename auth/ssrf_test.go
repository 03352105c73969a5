package auth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/auth"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

// dials starts a Verifier whose key URL resolves to the addresses, and
// returns what was dialed and how the fetch ended.
func dials(t *testing.T, host string, allowPrivate bool, addrs ...string) (dialed []string, outcome string) {
	t.Helper()
	var mu sync.Mutex
	v := mustNew(t, auth.Options{
		Issuers: []auth.IssuerOptions{{JWKSURL: "https://" + host + "/jwks", InsecureAllowPrivateNetwork: allowPrivate}},
		Network: auth.Network{
			LookupIP: func(context.Context, string) ([]netip.Addr, error) {
				var list []netip.Addr
				for _, a := range addrs {
					list = append(list, netip.MustParseAddr(a))
				}
				return list, nil
			},
			Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				dialed = append(dialed, address)
				return nil, errors.New("nobody there")
			},
		},
	})
	v.Close() // the first fetch is over, and there is no other
	for name := range v.Stats().KeyFetches {
		outcome = name
	}
	return dialed, outcome
}

// TestAddresses is S3 and S4: what a name may resolve to.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, addr      string
		public, private bool // may be dialed, without and with the insecure switch
	}{
		{"a public address", "93.184.216.34", true, true},
		{"a public IPv6 address", "2606:2800:220:1::1", true, true},
		{"a public address, mapped", "::ffff:93.184.216.34", true, true},
		{"loopback", "127.0.0.1", false, true},
		{"all of loopback", "127.255.0.1", false, true},
		{"loopback, IPv6", "::1", false, true},
		{"S4 loopback, mapped", "::ffff:127.0.0.1", false, true},
		{"RFC 1918, 10/8", "10.1.2.3", false, true},
		{"RFC 1918, 172.16/12", "172.31.255.255", false, true},
		{"just outside of it", "172.32.0.1", true, true},
		{"RFC 1918, 192.168/16", "192.168.0.1", false, true},
		{"RFC 1918, mapped", "::ffff:10.0.0.1", false, true},
		{"shared space of carriers", "100.64.0.1", false, true},
		{"unique local", "fd00::1", false, true},
		{"the metadata service", "169.254.169.254", false, false},
		{"the metadata service, mapped", "::ffff:169.254.169.254", false, false},
		{"link-local", "fe80::1", false, false},
		{"S4 link-local with a zone", "fe80::1%lo", false, false},
		{"unspecified", "0.0.0.0", false, false},
		{"this network", "0.1.2.3", false, false},
		{"S4 unspecified, IPv6", "::", false, false},
		{"IPv4-compatible loopback", "::127.0.0.1", false, false},
		{"NAT64 of loopback", "64:ff9b::7f00:1", false, false},
		{"local NAT64", "64:ff9b:1::a00:1", false, false},
		{"6to4 of a private address", "2002:a00:1::1", false, false},
		{"Teredo", "2001::1", false, false},
		{"site-local", "fec0::1", false, false},
		{"documentation, IPv6", "2001:db8::1", false, false},
		{"documentation", "192.0.2.1", false, false},
		{"benchmarks", "198.18.0.1", false, false},
		{"multicast", "224.0.0.1", false, false},
		{"multicast, IPv6", "ff02::1", false, false},
		{"reserved", "240.0.0.1", false, false},
		{"broadcast", "255.255.255.255", false, false},
	} {
		for _, insecure := range []bool{false, true} {
			allowed := row.public
			if insecure {
				allowed = row.private
			}
			dialed, outcome := dials(t, "id.example.com", insecure, row.addr)
			if got := len(dialed) == 1; got != allowed {
				t.Errorf("%s (insecure %t): dialed %v, want allowed %t", row.rule, insecure, dialed, allowed)
			}
			want := map[bool]string{true: "unreachable", false: "blocked"}[allowed]
			if outcome != want {
				t.Errorf("%s (insecure %t): outcome got %q, want %q", row.rule, insecure, outcome, want)
			}
		}
	}
}

func TestOnlyGoodAddressesOfANameAreDialed(t *testing.T) {
	t.Parallel()
	dialed, outcome := dials(t, "id.example.com", false, "127.0.0.1", "93.184.216.34", "10.0.0.1", "::ffff:93.184.216.35")
	if len(dialed) != 2 || dialed[0] != "93.184.216.34:443" || dialed[1] != "93.184.216.35:443" || outcome != "unreachable" {
		t.Errorf("got %v and %q, want the two public ones", dialed, outcome)
	}
	if dialed, outcome := dials(t, "93.184.216.34:8443", false); len(dialed) != 1 || dialed[0] != "93.184.216.34:8443" {
		t.Errorf("a plain address: got %v and %q", dialed, outcome)
	}
	if dialed, outcome := dials(t, "id.example.com", false); dialed != nil || outcome != "blocked" {
		t.Errorf("a name without addresses: got %v and %q", dialed, outcome)
	}
}

// TestRebinding is S3: a name that is public at one fetch and loopback at the
// next is not dialed at the next.
func TestRebinding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var addr, dialed atomic.Value
		addr.Store(netip.MustParseAddr("93.184.216.34"))
		v := mustNew(t, auth.Options{
			Issuers: []auth.IssuerOptions{{JWKSURL: "https://id.example.com/"}},
			Network: auth.Network{
				LookupIP: func(context.Context, string) ([]netip.Addr, error) {
					return []netip.Addr{addr.Load().(netip.Addr)}, nil //nolint:errcheck // nothing else is stored
				},
				Dial: func(_ context.Context, _, address string) (net.Conn, error) {
					if !dialed.CompareAndSwap(nil, address) {
						t.Errorf("dialed again: %s", address)
					}
					return nil, errors.New("nobody there")
				},
			},
		})
		addr.Store(netip.MustParseAddr("127.0.0.1"))
		advance(time.Minute)
		if got := v.Stats().KeyFetches; dialed.Load() != "93.184.216.34:443" || got["unreachable"] != 1 || got["blocked"] < 2 {
			t.Errorf("dialed %v with outcomes %v, want once, and then blocked", dialed.Load(), got)
		}
		v.Close()
	})
}

// TestCertificates is S11.
func TestCertificates(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t, jwks(t, publicJWK(t, rsaKey())))
	for _, row := range []struct {
		rule    string
		url     string
		network auth.Network
		want    string
	}{
		{"the right name, a known root", server.url, server.network, "ok"},
		{"a root that nobody knows", server.url, auth.Network{LookupIP: publicIP, Dial: server.network.Dial}, "unreachable"},
		{"S11 a wrong name", "https://id.example.net", server.network, "unreachable"},
		{"S11 expired", server.url, expiredServer(t), "unreachable"},
	} {
		v := mustNew(t, auth.Options{
			Network: row.network, Issuers: []auth.IssuerOptions{{JWKSURL: row.url}},
		})
		if got := v.Stats().KeyFetches; got[row.want] != 1 {
			t.Errorf("%s: got %v, want one %q", row.rule, got, row.want)
		}
	}
}

// expiredServer is a TLS server whose certificate ended long ago.
func expiredServer(t *testing.T) auth.Network {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = discard()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{
		Certificate: [][]byte{certificate(t, rsaKey())}, PrivateKey: rsaKey(),
	}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return auth.Network{LookupIP: publicIP, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}}
}

// TestPrivateNetwork: with the insecure switch, keys come over http from
// loopback, through the real dialer.
func TestPrivateNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, jwks(t, publicJWK(t, rsaKey())))
	}))
	t.Cleanup(server.Close)
	v := newVerifier(t, auth.IssuerOptions{JWKSURL: server.URL, InsecureAllowPrivateNetwork: true})
	check(t, v, "a bearer", sign(t, rsaKey(), goodClaims()), "ok")

	// By its name, through the system's resolver; which does not need a network.
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatalf("split: %v", err)
	}
	v = newVerifier(t, auth.IssuerOptions{JWKSURL: "http://localhost:" + port, InsecureAllowPrivateNetwork: true})
	check(t, v, "a bearer", sign(t, rsaKey(), goodClaims()), "ok")
}

func TestNameThatDoesNotResolve(t *testing.T) {
	t.Parallel()
	v := mustNew(t, auth.Options{
		Issuers: []auth.IssuerOptions{{JWKSURL: "https://id.example.com/"}},
		Network: auth.Network{LookupIP: func(context.Context, string) ([]netip.Addr, error) {
			return nil, errors.New("no such host")
		}},
	})
	if got := v.Stats().KeyFetches; got["unreachable"] != 1 {
		t.Errorf("got %v, want one unreachable", got)
	}
}
