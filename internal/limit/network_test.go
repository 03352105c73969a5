package limit_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"wsticket/internal/limit"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][3]string{
		"192.0.2.1":                {"192.0.2.1/32", "", ""},
		"::ffff:192.0.2.1":         {"192.0.2.1/32", "", ""},
		"2001:db8:1:2ff:3:4:5:6":   {"2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"},
		"fe80::1%eth0":             {"fe80::/64", "fe80::/56", "fe80::/48"},
		"2001:db8:1:ffff:ffff::ff": {"2001:db8:1:ffff::/64", "2001:db8:1:ff00::/56", "2001:db8:1::/48"},
	} {
		for n, want := range want {
			network, ok := limit.Client{Addr: netip.MustParseAddr(addr)}.Network(n)
			if ok != (want != "") || ok && network.String() != want {
				t.Errorf("%s, %d: got %s, %t, want %q", addr, n, network, ok, want)
			}
		}
	}
	for n := range limit.Networks {
		if network, ok := (limit.Client{}).Network(n); network.IsValid() || ok != (n == 2) {
			t.Errorf("unknown, %d: got %s, %t, want the last one", n, network, ok)
		}
		for addr, want := range map[string]string{"10.0.0.1": "10.0.0.1/32", "fd00::1": "fd00::1/128"} {
			network, ok := limit.Client{Addr: netip.MustParseAddr(addr), Many: true}.Network(n)
			if network.String() != want || ok != (n == 2) {
				t.Errorf("many at %s, %d: got %s, %t, want %s as the last one", addr, n, network, ok, want)
			}
		}
	}
}

// One network cannot have the events of all, however many addresses it has, and
// a client that is beyond its limit does not use up that of its neighbours.
func TestAddresses(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.NewAddresses(limit.Rate{Events: 2, Per: time.Second}, 1000, c.now)
	count := func(format string, networks int) (admitted int) {
		for n := range networks {
			for range 10 {
				if _, _, ok := l.Allow(limit.Client{Addr: netip.MustParseAddr(fmt.Sprintf(format, n))}); ok {
					admitted++
				}
			}
		}
		return admitted
	}
	for _, row := range []struct {
		rule, format   string
		networks, want int
	}{
		{"an IPv4 address", "192.0.2.1%d", 1, 2},
		{"IPv4 neighbours", "192.0.3.%d", 100, 200},
		{"a /64", "2001:db8:1::%x", 100, 2},
		{"a /56 of many /64", "2001:db8:2:%x::1", 100, 8},
		{"a /48 of many /56", "2001:db8:3:%x00::1", 100, 32},
		{"many /48", "2001:db8:1%02x::1", 100, 200},
	} {
		if got := count(row.format, row.networks); got != row.want {
			t.Errorf("%s: got %d admitted, want %d", row.rule, got, row.want)
		}
	}
	after, network, ok := l.Allow(limit.Client{Addr: netip.MustParseAddr("2001:db8:3:ff00::1")})
	if ok || network.String() != "2001:db8:3::/48" || after != time.Second/32 {
		t.Errorf("got %s, %s, %t, want the /48 that has had too many", after, network, ok)
	}
	unknown := 0
	for range 100 {
		if _, _, ok := l.Allow(limit.Client{}); ok {
			unknown++
		}
	}
	if unknown != 32 {
		t.Errorf("unknown addresses: got %d admitted, want those of the largest network", unknown)
	}
	none := limit.NewAddresses(limit.Rate{}, 10, nil)
	for range 1000 {
		if _, _, ok := none.Allow(limit.Client{Addr: netip.IPv6Loopback()}); !ok {
			t.Fatal("no limit refuses")
		}
	}
}

func BenchmarkAddresses(b *testing.B) {
	l := limit.NewAddresses(limit.Rate{Events: 1_000_000, Per: time.Second}, 1000, nil)
	client := limit.Client{Addr: netip.MustParseAddr("2001:db8::1")}
	b.ReportAllocs()
	for b.Loop() {
		l.Allow(client)
	}
}
