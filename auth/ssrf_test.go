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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/auth"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

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
		if got := fetchCounts(v); dialed.Load() != "93.184.216.34:443" || got["unreachable"] != 1 || got["blocked"] < 2 {
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
		if got := fetchCounts(v); got[row.want] != 1 {
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
