package clientip_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"wsticket/internal/clientip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMiddleware(t *testing.T) {
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
		{"without proxies nobody is believed", nil, "10.0.0.1:80", xff("1.1.1.1"), "10.0.0.1"},
		{"an IPv6 peer", nil, "[2001:db8::1]:80", nil, "2001:db8::1"},
		{"a mapped IPv4 peer is IPv4", nil, "[::ffff:192.0.2.1]:80", nil, "192.0.2.1"},
		{"a peer that is no address", nil, "@", nil, ""},

		{"a stranger is not believed", proxies, "192.0.2.1:80", xff("1.1.1.1"), "192.0.2.1"},
		{"a proxy is believed", proxies, "10.0.0.1:80", xff("1.1.1.1"), "1.1.1.1"},
		{"an IPv6 proxy is believed", proxies, "[fd00::1]:80", xff("2001:db8::9"), "2001:db8::9"},
		{"the last entry that is no proxy's counts", proxies, "10.0.0.1:80", xff("6.6.6.6, 2.2.2.2, 10.0.0.7"), "2.2.2.2"},
		{"two headers are one list", proxies, "10.0.0.1:80", xff("6.6.6.6", "2.2.2.2"), "2.2.2.2"},
		{"a mapped proxy is a proxy", proxies, "10.0.0.1:80", xff("2.2.2.2, ::ffff:10.0.0.10"), "2.2.2.2"},
		{"behind garbage nothing is believed", proxies, "10.0.0.1:80", xff("1.1.1.1, x"), ""},
		{"a proxy that names nobody", proxies, "10.0.0.1:80", nil, ""},
		{"proxies all the way", proxies, "10.0.0.1:80", xff("10.0.0.3"), ""},

		{"True-Client-Ip is not read", proxies, "10.0.0.1:80", http.Header{"True-Client-Ip": {"6.6.6.6"}, "X-Forwarded-For": {"2.2.2.2"}}, "2.2.2.2"},
		{"X-Real-Ip is not read", proxies, "10.0.0.1:80", http.Header{"X-Real-Ip": {"6.6.6.6"}}, ""},
		{"Forwarded is not read", proxies, "10.0.0.1:80", http.Header{"Forwarded": {"for=6.6.6.6"}}, ""},
		{"underscores do not stand for dashes", proxies, "10.0.0.1:80", http.Header{"X_forwarded_for": {"6.6.6.6"}, "X_Forwarded_For": {"6.6.6.6"}}, ""},
	} {
		var got netip.Addr
		h := clientip.Middleware(row.trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
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

func TestFromWithoutMiddlewareIsUnknown(t *testing.T) {
	t.Parallel()
	if got := clientip.From(t.Context()); got.IsValid() {
		t.Errorf("got %v, want the zero address", got)
	}
}

func xff(values ...string) http.Header { return http.Header{"X-Forwarded-For": values} }
