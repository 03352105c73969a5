//go:build e2e

package e2e_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// edgeHost is the name of the proxies for the browser.
const edgeHost = "edge.example.test"

// TestEdgeHTTP2 drives Chromium over TLS and HTTP/2 through each proxy, with the
// configuration that print-config prints and the lines for TLS of its comments.
func TestEdgeHTTP2(t *testing.T) {
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	proxies := edgeProxies()
	for _, p := range edgeProxies() {
		if p.name == "caddy" {
			p.name, p.sockets, p.env = "caddy with http2xconnect", "HTTP/2.0", "GODEBUG=http2xconnect=1"
			proxies = append(proxies, p)
		}
	}
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			if name, value, set := strings.Cut(p.env, "="); set {
				t.Setenv(name, value)
			}
			idp, certificates := newIssuer(t), testenv.TLS(t, "*.example.test")
			app := newApplication(t, certificates, idp, pageScript)
			echo := newWitness(t)
			echo.greets = true
			settings := []string{
				"public.hosts=" + edgeHost, "origins=https://app.example.test:" + app.port,
			}
			config := idp.edgeConfig(t, "memory:")
			service := serve(t, config, settings...)
			proxy := p.secure(t, newPrinter(t, config, service.public, service.internal, echo.addr, settings...), certificates)
			w := world{
				Chromium: chromium, Profile: scratchDir(t), Report: filepath.Join(t.TempDir(), "report.json"),
				Key: keyHash(t, certificates.ServerCertFile), Pages: app.port,
				API: "https://" + edgeHost + ":" + portOf(proxy.addr), Passive: p.passive,
			}
			runCases(t, node, "browser/edge/http2.test.mjs", w)
			wantVersions(t, proxy.access(), p.sockets)
			wantHTTP2Documented(t, p)
			for _, secret := range readSecrets(t, w.Report) {
				if log := proxy.access() + proxy.errors() + service.log.String(); strings.Contains(log, secret.Text) {
					t.Errorf("a %s is in a log", secret.What)
				}
			}
		})
	}
}

// Each line is about one request. Caddy and Traefik write JSON.
var (
	versionOf = regexp.MustCompile(`HTTP/\d\.\d`)
	issueLine = regexp.MustCompile(`(?m)^.*POST.*/ws-ticket.*$`)
	wsLine    = regexp.MustCompile(`(?m)^.*/ws(/chat/general/)?["? ].*$`)
)

// wantVersions checks that tickets were issued over HTTP/2 and that every WebSocket
// was opened by this version.
func wantVersions(t *testing.T, log, sockets string) {
	t.Helper()
	for _, row := range []struct {
		what string
		line *regexp.Regexp
		want string
	}{{"tickets", issueLine, "HTTP/2.0"}, {"WebSockets", wsLine, sockets}} {
		lines := row.line.FindAllString(log, -1)
		if len(lines) == 0 {
			t.Errorf("no %s in the log:\n%s", row.what, log)
		}
		for _, line := range lines {
			if got := versionOf.FindString(line); got != row.want {
				t.Errorf("%s: got %q, want %q in %s", row.what, got, row.want, line)
			}
		}
	}
}

// wantHTTP2Documented checks the column HTTP/2 of docs/edge.md.
func wantHTTP2Documented(t *testing.T, p edgeProxy) {
	t.Helper()
	kind, _, _ := strings.Cut(p.name, " ")
	want := "WebSockets by "
	if p.env != "" {
		want = "`" + p.env + "` by "
	}
	want += strings.TrimSuffix(p.sockets, ".0")
	for line := range strings.Lines(readFile(t, "../docs/edge.md")) {
		if strings.HasPrefix(strings.ToLower(line), "| "+kind+" | `print-config") {
			if !strings.Contains(line, want) {
				t.Errorf("no %q in docs/edge.md: %s", want, line)
			}
			return
		}
	}
	t.Errorf("docs/edge.md has no row for %s", kind)
}

func secureNginx(t testing.TB, print printer, with testenv.Certificates) edgeRunning {
	s := testenv.Nginx(t, func(s *testenv.NginxServer) string {
		return print("nginx", "listen 80;",
			fmt.Sprintf("listen %s ssl http2; ssl_certificate %s; ssl_certificate_key %s;", s.Addr(), with.ServerCertFile, with.ServerKeyFile),
			"/var/log/nginx/", "")
	})
	return edgeRunning{
		s.Addr(),
		func() string { return s.Log("wsticket.access.log") },
		func() string { return s.Log("error.log") + s.Log("wsticket.error.log") },
	}
}

func secureHAProxy(t testing.TB, print printer, with testenv.Certificates) edgeRunning {
	s := testenv.HAProxy(t, func(s *testenv.EdgeServer) string {
		s.Write("wsticket.lua", print("haproxy-lua"))
		s.Write("certs.pem", readFile(t, with.ServerCertFile)+readFile(t, with.ServerKeyFile))
		return print("haproxy", "bind :80", fmt.Sprintf("bind %s ssl crt %s/certs.pem alpn h2,http/1.1", s.Addr(), s.Dir()),
			"lua-load /etc/haproxy/", "lua-load "+s.Dir()+"/")
	})
	return edgeRunning{s.Addr(), s.Output, s.Output}
}

func secureCaddy(t testing.TB, print printer, with testenv.Certificates) edgeRunning {
	s := testenv.Caddy(t, func(s *testenv.EdgeServer) string {
		return print("caddy",
			"\n"+edgeHost+" {\n\tlog {\n", fmt.Sprintf("\nhttps://%s:%s {\n\ttls %s %s\n\tlog {\n\t\toutput file access.log\n",
				edgeHost, portOf(s.Addr()), with.ServerCertFile, with.ServerKeyFile),
			"\n{\n", "\n{\n\tadmin off\n\tpersist_config off\n\tauto_https disable_redirects\n")
	})
	return edgeRunning{s.Addr(), func() string { return s.Log("access.log") }, s.Output}
}

func secureTraefik(t testing.TB, print printer, with testenv.Certificates) edgeRunning {
	s := testenv.Traefik(t, func(s *testenv.EdgeServer) string {
		s.Write("wsticket.yml", print("traefik")+fmt.Sprintf("\ntls:\n  certificates: [{certFile: %q, keyFile: %q}]\n", with.ServerCertFile, with.ServerKeyFile))
		return print("traefik-static", "address: \":80\"\n    http:\n", fmt.Sprintf("address: %q\n    http:\n      tls: {}\n", s.Addr()),
			"/etc/traefik/", s.Dir()+"/", "/var/log/traefik/", s.Dir()+"/")
	})
	awaitRoutes(t, transportTo(t, with, edgeHost), "https://"+s.Addr(), edgeHost+":"+portOf(s.Addr()))
	return edgeRunning{s.Addr(), func() string { return s.Log("access.log") }, s.Output}
}
