package proxyheader_test

import (
	"net/http"
	"testing"

	"wsticket/internal/proxyheader"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"X-Forwarded-For": true, "X-Forwarded-Client-Cert": true, "X-Original-URL": true, "X-Rewrite-Url": true, "X-Envoy-Original-Path": true,
		"CF-Connecting-IP": true, "CF-Connecting-IPv6": true, "True-Client-IP": true, "X-Real-IP": true, "X-Client-IP": true,
		"Fastly-Client-IP": true, "X-Cluster-Client-IP": true, "X-Azure-ClientIP": true, "Fly-Client-IP": true,
		"X-Envoy-External-Address": true, "X-Appengine-User-Ip": true, "Forwarded": true, "X-ProxyUser-Ip": true, "CloudFront-Viewer-Address": true,
		"X-App": false, "Host": false, "Origin": false, "Referer": false, "User-Agent": false, "Via": false, "X-Request-Id": false,
		"Cf-Access-Jwt-Assertion": false, "X-Http-Method-Override": false, "X-Auth-Request-User": false, "Remote-User": false,
	} {
		if got := proxyheader.Is(http.CanonicalHeaderKey(name)); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}
