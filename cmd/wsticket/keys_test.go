package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// TestIssuerWithoutKeys: serve starts although an issuer is away, says once who
// and why, and has the series that an alarm needs, also those that are zero.
func TestIssuerWithoutKeys(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	wrong := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(wrong.Close)
	p := start(t, "serve", "--config", test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
store:    {url: "memory:"}
identity: {headers: {sub: X-User, iss: X-User-Issuer}}
issuers:
  - {issuer: %[1]q, audience: [ws], discovery: true, insecure_allow_private_network: true}
  - {issuer: %[2]q, audience: [ws], jwks_url: "%[2]s/jwks?apikey=secret-marker", insecure_allow_private_network: true}
`, gone.URL, wrong.URL)))
	for issuer, cause := range map[string]string{gone.URL: "connection refused", wrong.URL: "status 404 for /jwks"} {
		host := strings.TrimPrefix(issuer, "http://")
		p.stderr.WaitFor(t, `"level":"WARN"`, `"msg":"keys cannot be fetched"`, `"issuer":"`+issuer+`"`, `"host":"`+host+`"`, `"cause":"`+cause+`"`)
	}
	if strings.Contains(p.stderr.String(), "secret-marker") {
		t.Errorf("the log holds the query of jwks_url:\n%s", p.stderr)
	}
	metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
	for _, issuer := range []string{gone.URL, wrong.URL} {
		for _, outcome := range []string{"ok", "unreachable", "blocked", "status", "content"} {
			if series := fmt.Sprintf("wsticket_key_fetches_total{issuer=%q,outcome=%q} ", issuer, outcome); !strings.Contains(metrics, series) {
				t.Errorf("metrics have no %s", series)
			}
		}
		if zero := fmt.Sprintf("wsticket_key_fetches_total{issuer=%q,outcome=\"ok\"} 0\n", issuer); !strings.Contains(metrics, zero) {
			t.Errorf("metrics have no %s", zero)
		}
	}
}
