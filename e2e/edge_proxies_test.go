//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// edgeProxy is a reverse proxy and how it behaves. It runs with the configuration
// that print-config prints, except for addresses and log files.
type edgeProxy struct {
	name  string
	start func(t testing.TB, print printer) edgeRunning
	// secure starts it with TLS and HTTP/2, as the printed comments say.
	secure func(t testing.TB, print printer, with testenv.Certificates) edgeRunning
	// sockets is the version of HTTP by which Chromium opens a WebSocket there.
	sockets string
	// env is a variable of its environment, as name=value.
	env string
	// malformed, gone and slow are the statuses of a handshake that is malformed,
	// while the service is gone, and while the service does not answer in time.
	malformed, gone, slow int
	// repeats: it asks again if the connection to the service breaks.
	repeats bool
	// passive: it cannot remove the spent ticket from the query, it selects no
	// subprotocol for the application, and it takes ";" for "&".
	passive bool
}

// edgeRunning is a proxy that has been started.
type edgeRunning struct {
	addr string
	// access and errors return its present logs.
	access, errors func() string
}

// printer runs print-config for a proxy. The replacements are pairs of a printed text
// and what the test needs instead.
type printer func(proxy string, replacements ...string) string

func edgeProxies() []edgeProxy {
	return []edgeProxy{
		{
			name: "nginx", start: startNginx, secure: secureNginx, sockets: "HTTP/1.1",
			malformed: http.StatusForbidden, gone: http.StatusServiceUnavailable, slow: http.StatusServiceUnavailable,
		},
		{
			name: "haproxy", start: startHAProxy, secure: secureHAProxy, sockets: "HTTP/2.0", repeats: true,
			malformed: http.StatusForbidden, gone: http.StatusServiceUnavailable, slow: http.StatusServiceUnavailable,
		},
		{
			name: "caddy", start: startCaddy, secure: secureCaddy, sockets: "HTTP/1.1", repeats: true,
			malformed: http.StatusBadRequest, gone: http.StatusBadGateway, slow: http.StatusGatewayTimeout,
		},
		{
			name: "traefik", start: startTraefik, secure: secureTraefik, sockets: "HTTP/1.1", repeats: true, passive: true,
			malformed: http.StatusBadRequest, gone: http.StatusInternalServerError, slow: http.StatusInternalServerError,
		},
	}
}

func startNginx(t testing.TB, print printer) edgeRunning {
	s := testenv.Nginx(t, func(s *testenv.NginxServer) string {
		return print("nginx", "listen 80;", "listen "+s.Addr()+";", "/var/log/nginx/", "")
	})
	return edgeRunning{
		s.Addr(),
		func() string { return s.Log("wsticket.access.log") },
		func() string { return s.Log("error.log") + s.Log("wsticket.error.log") },
	}
}

func startHAProxy(t testing.TB, print printer) edgeRunning {
	s := testenv.HAProxy(t, func(s *testenv.EdgeServer) string {
		s.Write("wsticket.lua", print("haproxy-lua"))
		return print("haproxy", "bind :80", "bind "+s.Addr(), "lua-load /etc/haproxy/", "lua-load "+s.Dir()+"/")
	})
	return edgeRunning{s.Addr(), s.Output, s.Output}
}

func startCaddy(t testing.TB, print printer) edgeRunning {
	s := testenv.Caddy(t, func(s *testenv.EdgeServer) string {
		return print("caddy",
			"\n127.0.0.1 {\n\tlog {\n", "\nhttp://"+s.Addr()+" {\n\tlog {\n\t\toutput file access.log\n",
			"\n{\n", "\n{\n\tadmin off\n\tpersist_config off\n")
	})
	return edgeRunning{s.Addr(), func() string { return s.Log("access.log") }, s.Output}
}

func startTraefik(t testing.TB, print printer) edgeRunning {
	s := testenv.Traefik(t, func(s *testenv.EdgeServer) string {
		s.Write("wsticket.yml", print("traefik"))
		return print("traefik-static", `":80"`, `"`+s.Addr()+`"`,
			"/etc/traefik/", s.Dir()+"/", "/var/log/traefik/", s.Dir()+"/")
	})
	awaitRoutes(t, &http.Transport{}, "http://"+s.Addr(), s.Addr())
	return edgeRunning{s.Addr(), func() string { return s.Log("access.log") }, s.Output}
}

// awaitRoutes waits until Traefik has its routes: it listens before it has read them.
func awaitRoutes(t testing.TB, transport *http.Transport, url, host string) {
	t.Helper()
	transport.DisableKeepAlives = true
	test.Wait(t, "Traefik has its routes", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ws-ticket/none", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := transport.RoundTrip(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode != http.StatusNotFound
	})
}

// newPrinter returns a printer for a service with a configuration file and these
// addresses, and with settings of the form key=value that override the file.
func newPrinter(t testing.TB, config, public, internal, upstream string, settings ...string) printer {
	return func(proxy string, replacements ...string) string {
		t.Helper()
		args := []string{"print-config", proxy, "--config", config, "--public", public, "--internal", internal, "--upstream", upstream}
		for _, setting := range settings {
			args = append(args, "--set", setting)
		}
		cmd := program(t.Context(), t, args...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("print-config %s: %v", proxy, err)
		}
		text := string(out)
		for i := 0; i+1 < len(replacements); i += 2 {
			if !strings.Contains(text, replacements[i]) {
				t.Fatalf("print-config %s prints no %q", proxy, replacements[i])
			}
			text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
		}
		return text
	}
}
