package httpclient_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"wsticket/internal/httpclient"
)

// TestMayDial: S3 and S4, what a name may resolve to.
func TestMayDial(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, addr      string
		public, private bool // may be dialed, without and with private ones allowed
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
		addr := netip.MustParseAddr(row.addr)
		for allowPrivate, want := range map[bool]bool{false: row.public, true: row.private} {
			if got := httpclient.MayDial(addr, allowPrivate); got != want {
				t.Errorf("%s (private ones allowed: %t): got %t, want %t", row.rule, allowPrivate, got, want)
			}
		}
	}
	if httpclient.MayDial(netip.Addr{}, true) {
		t.Error("no address: got allowed")
	}
}

// TestGuard: of the addresses of a name only those that may be dialed are, one
// after the other.
func TestGuard(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	var resolved []netip.Addr
	var dialed []string
	guard := httpclient.Guard{
		LookupIP: func(context.Context, string) ([]netip.Addr, error) { return resolved, nil },
		DialAddr: func(_ context.Context, _, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			if address == "93.184.216.36:443" {
				near, _ := net.Pipe()
				return near, nil
			}
			return nil, down
		},
	}
	for _, row := range []struct {
		rule, address string
		resolved      []string
		dialed        []string
		err           error
	}{
		{
			"a name of many addresses", "id.example.com:443",
			[]string{"127.0.0.1", "93.184.216.34", "10.0.0.1", "::ffff:93.184.216.35"},
			[]string{"93.184.216.34:443", "93.184.216.35:443"},
			down,
		},
		{
			"the first that answers", "id.example.com:443",
			[]string{"93.184.216.34", "93.184.216.36", "93.184.216.37"},
			[]string{"93.184.216.34:443", "93.184.216.36:443"},
			nil,
		},
		{"a private address alone", "id.example.com:443", []string{"127.0.0.1"}, nil, httpclient.ErrBlocked},
		{"no address", "id.example.com:443", nil, nil, httpclient.ErrBlocked},
		{"a plain address", "93.184.216.34:8443", nil, []string{"93.184.216.34:8443"}, down},
		{"a plain private address", "[::1]:443", nil, nil, httpclient.ErrBlocked},
	} {
		resolved, dialed = nil, nil
		for _, text := range row.resolved {
			resolved = append(resolved, netip.MustParseAddr(text))
		}
		conn, err := guard.Dial(t.Context(), "tcp", row.address)
		if !errors.Is(err, row.err) || (conn == nil) == (row.err == nil) || !slices.Equal(dialed, row.dialed) {
			t.Errorf("%s: dialed %q and got %v, want %q and %v", row.rule, dialed, err, row.dialed, row.err)
		}
	}
	if _, err := guard.Dial(t.Context(), "tcp", "no port"); err == nil {
		t.Error("an address without a port: got no error")
	}
	guard.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return nil, down }
	if _, err := guard.Dial(t.Context(), "tcp", "id.example.com:443"); !errors.Is(err, down) {
		t.Errorf("a name that does not resolve: got %v, want %v", err, down)
	}
}
