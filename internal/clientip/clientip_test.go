package clientip_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"wsticket/internal/clientip"
)

func TestReader(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, row := range []struct {
		rule    string
		trusted []netip.Prefix
		peer    string
		header  http.Header
		want    string // empty: unknown
	}{
		{"without proxies the peer is the client", nil, "192.0.2.1:80", nil, "192.0.2.1"},
		{"a proxy that may only ask is not believed", proxies, "172.16.0.9:80", xff("1.1.1.1"), "172.16.0.9"},
		{"without proxies the header is not believed", nil, "10.0.0.1:80", xff("1.1.1.1"), "10.0.0.1"},
		{"an IPv6 peer", nil, "[2001:db8::1]:80", nil, "2001:db8::1"},
		{"a mapped IPv4 peer is IPv4", nil, "[::ffff:192.0.2.1]:80", nil, "192.0.2.1"},
		{"a peer that is no address", nil, "@", nil, ""},

		{"a stranger is not believed", proxies, "192.0.2.1:80", xff("1.1.1.1"), "192.0.2.1"},
		{"a proxy is believed", proxies, "10.0.0.1:80", xff("1.1.1.1"), "1.1.1.1"},
		{"an IPv6 proxy is believed", proxies, "[fd00::1]:80", xff("2001:db8::9"), "2001:db8::9"},
		{"the last entry that is no proxy's counts", proxies, "10.0.0.1:80", xff("6.6.6.6, 2.2.2.2, 10.0.0.7"), "2.2.2.2"},
		{"two headers are one list", proxies, "10.0.0.1:80", xff("6.6.6.6", "2.2.2.2"), "2.2.2.2"},
		{"a mapped proxy is a proxy", proxies, "10.0.0.1:80", xff("2.2.2.2, ::ffff:10.0.0.10"), "2.2.2.2"},
		{"behind garbage nothing is believed", proxies, "10.0.0.1:80", xff("1.1.1.1, x"), "10.0.0.1"},
		{"and the nearest proxy stands for it", proxies, "10.0.0.1:80", xff("1.1.1.1, unknown, 10.0.0.7"), "10.0.0.7"},
		{"a proxy without the header", proxies, "10.0.0.1:80", nil, "10.0.0.1"},
		{"a user in the network of the proxies", proxies, "10.0.0.1:80", xff("10.0.0.3"), "10.0.0.3"},
		{"also behind several of them", proxies, "10.0.0.1:80", xff("10.9.9.9, 10.0.0.7"), "10.9.9.9"},
		{"empty elements mean nothing", proxies, "10.0.0.1:80", xff(", 2.2.2.2 ,,", ""), "2.2.2.2"},
		{"with a port (Azure)", proxies, "10.0.0.1:80", xff("203.0.113.7:5678"), "203.0.113.7"},
		{"IPv6 with a port (AWS)", proxies, "10.0.0.1:80", xff("[2001:db8::9]:4711"), "2001:db8::9"},
		{"in quotes (RFC 7239)", proxies, "10.0.0.1:80", xff(`"[2001:db8::9]:4711"`), "2001:db8::9"},
		{"in brackets alone", proxies, "10.0.0.1:80", xff("[2001:db8::9]"), "2001:db8::9"},
		{"a zone", proxies, "10.0.0.1:80", xff("fe80::1%eth0"), "fe80::1"},
		{"a zone in brackets", proxies, "10.0.0.1:80", xff("[fe80::1%eth0]:80"), "fe80::1"},
		{"mapped, with a port", proxies, "10.0.0.1:80", xff("[::ffff:203.0.113.7]:80"), "203.0.113.7"},
		{"a proxy with a port", proxies, "10.0.0.1:80", xff("2.2.2.2, 10.0.0.7:443"), "2.2.2.2"},
		{"a hidden one (RFC 7239)", proxies, "10.0.0.1:80", xff("1.1.1.1, _hidden"), "10.0.0.1"},
		{"a port that is none", proxies, "10.0.0.1:80", xff("1.1.1.1, 2.2.2.2:99999"), "10.0.0.1"},
		{"an open bracket", proxies, "10.0.0.1:80", xff("1.1.1.1, [2001:db8::9"), "10.0.0.1"},
		{"an open quote", proxies, "10.0.0.1:80", xff(`1.1.1.1, "2.2.2.2`), "10.0.0.1"},
		{"a name", proxies, "10.0.0.1:80", xff("1.1.1.1, client.example"), "10.0.0.1"},

		{"True-Client-Ip is not read", proxies, "10.0.0.1:80", http.Header{"True-Client-Ip": {"6.6.6.6"}, "X-Forwarded-For": {"2.2.2.2"}}, "2.2.2.2"},
		{"X-Real-Ip is not read", proxies, "10.0.0.1:80", http.Header{"X-Real-Ip": {"6.6.6.6"}}, "10.0.0.1"},
		{"Forwarded is not read", proxies, "10.0.0.1:80", http.Header{"Forwarded": {"for=6.6.6.6"}}, "10.0.0.1"},
		{"underscores do not stand for dashes", proxies, "10.0.0.1:80", http.Header{"X_forwarded_for": {"6.6.6.6"}, "X_Forwarded_For": {"6.6.6.6"}}, "10.0.0.1"},
	} {
		var got netip.Addr
		h := clientip.Store(clientip.New(row.trusted, []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, nil).Of)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = clientip.From(r.Context())
		}))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = row.peer
		if row.header != nil {
			r.Header = row.header
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		var want netip.Addr
		if row.want != "" {
			want = netip.MustParseAddr(row.want)
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", row.rule, got, want)
		}
	}
}

func TestForwarded(t *testing.T) {
	t.Parallel()
	asking := []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, row := range []struct {
		rule    string
		trusted []netip.Prefix
		header  http.Header
		want    string
	}{
		{"the only entry", proxies, xff("1.1.1.1"), "1.1.1.1"},
		{"behind another one that may ask", proxies, xff("6.6.6.6, 1.1.1.1, 172.16.0.9, 10.0.0.7"), "1.1.1.1"},
		{"the last that is no proxy's", proxies, xff("6.6.6.6, 2.2.2.2, 10.0.0.7"), "2.2.2.2"},
		{"over two lines", proxies, xff("6.6.6.6", "2.2.2.2"), "2.2.2.2"},
		{"behind garbage nothing is believed", proxies, xff("1.1.1.1, x"), "192.0.2.99"},
		{"a user in the network of the proxies", proxies, xff("10.0.0.3"), "10.0.0.3"},
		{"none", proxies, nil, "192.0.2.99"},
		{"with no proxies the last", nil, xff("6.6.6.6, 2.2.2.2"), "2.2.2.2"},
		{"with no proxies, mapped", nil, xff("::ffff:2.2.2.2"), "2.2.2.2"},
		{"with no proxies, garbage", nil, xff("1.1.1.1, x"), "192.0.2.99"},
		{"with no proxies, empty elements", nil, xff("2.2.2.2:80,", ""), "2.2.2.2"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = "192.0.2.99:80" // the proxy that asks
		r.Header = row.header
		var want netip.Addr
		if row.want != "" {
			want = netip.MustParseAddr(row.want)
		}
		if got := clientip.New(row.trusted, asking, nil).Forwarded(r); got != want {
			t.Errorf("%s: got %v, want %v", row.rule, got, want)
		}
		if r.RemoteAddr != "192.0.2.99:80" {
			t.Errorf("%s: the request is changed", row.rule)
		}
	}
}

// What is stored counts, and what cannot be read is counted and told once.
func TestReaderTells(t *testing.T) {
	t.Parallel()
	var told []string
	c := clientip.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, nil, func(_ context.Context, proxy netip.Addr, reported string) {
		told = append(told, proxy.String()+" "+reported)
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr, r.Header = "10.0.0.1:80", xff("unknown")
	for range 3 {
		c.Of(r)
	}
	if want := "10.0.0.1 unknown"; len(told) != 1 || told[0] != want || c.Unreadable() != 3 {
		t.Errorf("told %v, counted %d, want %s once of 3", told, c.Unreadable(), want)
	}
	r.RemoteAddr = "192.0.2.1:80"
	if c.Of(r); c.Unreadable() != 3 {
		t.Error("what a stranger says is counted")
	}
	stored := netip.MustParseAddr("203.0.113.9")
	clientip.Store(func(*http.Request) netip.Addr { return stored })(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := c.Of(r); got != stored {
			t.Errorf("behind a middleware: got %v, want the address that it has stored", got)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestStore(t *testing.T) {
	t.Parallel()
	found := netip.MustParseAddr("192.0.2.7")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	clientip.Store(func(*http.Request) netip.Addr { return found })(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := clientip.From(r.Context()); got != found {
			t.Errorf("got %v, want %v", got, found)
		}
		r.RemoteAddr, r.Header = "10.0.0.1:80", xff("203.0.113.5")
		if got := clientip.New(nil, nil, nil).Forwarded(r); got != netip.MustParseAddr("203.0.113.5") {
			t.Errorf("what a proxy asks about: got %v, want its client", got)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestPeerWithin(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	for peer, want := range map[string]bool{
		"10.1.2.3:80": true, "[::ffff:10.1.2.3]:80": true, "[fe80::1%eth0]:80": true,
		"11.0.0.1:80": false, "10.1.2.3": false, "@": false, "": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		if got := clientip.Within(clientip.Peer(r), proxies); got != want {
			t.Errorf("%q: got %v, want %v", peer, got, want)
		}
	}
}

func TestFromWithoutMiddlewareIsUnknown(t *testing.T) {
	t.Parallel()
	if got := clientip.From(t.Context()); got.IsValid() {
		t.Errorf("got %v, want the zero address", got)
	}
}

func xff(values ...string) http.Header { return http.Header{"X-Forwarded-For": values} }
