package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// deployed are the files under deploy/ by what prints them.
var deployed = map[string]string{
	"nginx": "nginx/wsticket.conf", "caddy": "caddy/Caddyfile", "envoy": "envoy/envoy.yaml",
	"traefik": "traefik/wsticket.yml", "traefik-static": "traefik/traefik.yml",
	"haproxy": "haproxy/haproxy.cfg", "haproxy-lua": "haproxy/wsticket.lua",
	"gateway-api": "gateway-api/httproute.yaml", "envoy-gateway": "gateway-api/envoy-gateway.yaml",
}

// printConfig runs the command.
func printConfig(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return runIn(t, nil, append([]string{"print-config"}, args...)...)
}

// mustPrint returns what print-config prints for a proxy.
func mustPrint(t testing.TB, args ...string) string {
	t.Helper()
	text, _, err := printConfig(t, args...)
	if err != nil {
		t.Fatalf("print-config %v: %v", args, err)
	}
	return text
}

// TestDeployedConfigurations holds deploy/ to the program. To write it anew:
// go test ./cmd/wsticket -run TestDeployedConfigurations -update
func TestDeployedConfigurations(t *testing.T) {
	for proxy := range deployed {
		file := filepath.Join("../../deploy", deployed[proxy])
		want := mustPrint(t, proxy)
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(want), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what print-config %s prints; run this test with -update", file, proxy)
		}
	}
}

// TestPrintConfigFollowsTheConfiguration checks that each setting appears where
// it matters.
func TestPrintConfigFollowsTheConfiguration(t *testing.T) {
	args := []string{
		"--upstream", "app.internal:9100", "--public", ":8000", "--internal", "10.0.0.7:8001",
		"--set", "public.hosts=[ws.example.com, 'chat.example.com:8443', '[2001:db8::1]:443']", "--set", "public.trusted_proxies=10.0.0.0/8",
		"--set", "ws.path=/live/socket.io/, /ws/chat/{room}", "--set", "ws.ticket_parameter=wst", "--set", "identity.headers=remote",
	}
	if text := mustPrint(t, "nginx", "--upstream", "http://app.internal:9100"); !strings.Contains(text, "server app.internal:9100;") {
		t.Errorf("the application's URL is not taken:\n%s", text)
	}
	for proxy, want := range map[string][]string{
		"nginx": {
			"server 10.0.0.7:8001;", "server 127.0.0.1:8000;", "server app.internal:9100;", `location ~ ^(/live/socket\.io|/ws/chat/[^/.\x5C[:cntrl:]][^/\x5C[:cntrl:]]*)/?$ {`,
			"server_name ws.example.com chat.example.com [2001:db8::1];", `"~^wst=[^&]*$"`, "proxy_set_header Remote-Groups $wsticket_remote_groups;",
			"auth_request_set $wsticket_remote_groups $upstream_http_remote_groups;", "now 10.0.0.0/8",
		},
		"caddy": {
			"forward_auth 10.0.0.7:8001", "reverse_proxy 127.0.0.1:8000", "reverse_proxy app.internal:9100", "path_regexp `^(/live/socket\\.io|/ws/chat/[^/.\\x5C[:cntrl:]][^/\\x5C[:cntrl:]]*)/?$`\n",
			"ws.example.com, chat.example.com, [2001:db8::1] {", "uri query -wst\n", " Remote-Groups ", "request_header -Remote_*",
		},
		"haproxy": {
			"http://10.0.0.7:8001/auth/haproxy", "server wsticket 127.0.0.1:8000", "server application app.internal:9100", `acl wsticket_socket path_reg '^(/live/socket\.io|/ws/chat/(`,
			"-i ws.example.com chat.example.com [2001:db8::1]\n", "lua.wsticket_query(wst)", "del-header ^remote[-_]groups$ -m reg",
			"set-header Remote-Groups %[var(txn.wsticket_remote_groups)]",
		},
		"traefik": {
			`"http://10.0.0.7:8001/auth/traefik"`, `url: "http://127.0.0.1:8000"`, `url: "http://app.internal:9100"`, "PathRegexp(`^(/live/socket\\.io|/ws/chat/(",
			"(Host(`ws.example.com`) || Host(`chat.example.com`) || Host(`[2001:db8::1]`))", "remote[-_]groups|",
		},
		"envoy": {
			`address: "10.0.0.7", port_value: 8001`, `address: "app.internal", port_value: 9100`, `safe_regex: {regex: '^(/live/socket\.io|/ws/chat/(`,
			`"ws.example.com", "ws.example.com:*"`, `== "wst"`, "remove: remote-groups", "exact: remote-groups",
		},
		"gateway-api": {
			`hostnames: ["ws.example.com", "chat.example.com"]`, `{type: Exact, value: "/live/socket.io"}`, `{type: Exact, value: "/live/socket.io/"}`,
			`{type: RegularExpression, value: '^(/ws/chat/(`, "port: 8001}", "{name: app, namespace: internal, port: 9100}", "- Remote-Groups\n", "- Sec-WebSocket-Protocol\n", "now 10.0.0.0/8",
		},
		"envoy-gateway": {
			`hostnames: ["ws.example.com", "chat.example.com"]`, `{type: Exact, value: "/live/socket.io"}`, `{type: RegularExpression, value: '^(/ws/chat/(`, "port: 8001}",
			"{name: app, namespace: internal, port: 9100}", "- remote-groups\n", "- sec-websocket-protocol\n", "now 10.0.0.0/8", `== "wst"`,
		},
	} {
		text := mustPrint(t, append([]string{proxy}, args...)...)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("print-config %s: no %q in\n%s", proxy, part, text)
			}
		}
	}
}

// TestPrintConfigReachesTheKeys: applications ask for them under public.url,
// which is the proxy. Without an assertion there are none.
func TestPrintConfigReachesTheKeys(t *testing.T) {
	for proxy, want := range map[string]string{
		"nginx": "location = /.well-known/jwks.json {", "caddy": "path /ws-ticket /ws-ticket/* /.well-known/jwks.json\n",
		"haproxy": "acl wsticket_public path /.well-known/jwks.json\n", "traefik": "|| Path(`/.well-known/jwks.json`))",
		"envoy": "match: {path: /.well-known/jwks.json}\n", "gateway-api": "{type: Exact, value: /.well-known/jwks.json}\n",
		"envoy-gateway": "{type: Exact, value: /.well-known/jwks.json}\n",
	} {
		args := []string{
			proxy, "--set", "public.url=https://api.example.com",
			"--set", "identity.assertion_key_file=assertion.pem", "--set", "identity.assertion_audience=chat",
		}
		if text := mustPrint(t, args...); !strings.Contains(text, want) {
			t.Errorf("print-config %s: no %q in\n%s", proxy, want, text)
		}
		if text := mustPrint(t, args[:3]...); strings.Contains(text, "jwks.json") {
			t.Errorf("print-config %s: got the keys without an assertion in\n%s", proxy, text)
		}
	}
}

// TestPrintConfigMapsClaims names the headers that are configured one by one.
func TestPrintConfigMapsClaims(t *testing.T) {
	text := mustPrint(t, "nginx", "--set", "identity.headers=sub=X-Who,team=X-Their-Team")
	for _, part := range []string{"proxy_set_header X-Who $wsticket_x_who;", "proxy_set_header X-Their-Team ", "proxy_set_header X-Wsticket-Id "} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if strings.Contains(text, "X-Auth-Request-Email") {
		t.Errorf("got headers of the preset in\n%s", text)
	}
}

// TestPrintConfigIsYAML reads what is printed as YAML, strictly.
func TestPrintConfigIsYAML(t *testing.T) {
	for _, proxy := range []string{"traefik", "traefik-static", "envoy", "gateway-api", "envoy-gateway"} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(mustPrint(t, proxy)), &tree); err != nil || len(tree) == 0 {
			t.Errorf("print-config %s: got %v, want YAML", proxy, err)
		}
	}
}

func TestPrintConfigRefuses(t *testing.T) {
	for _, tt := range []struct {
		rule string
		args []string
		want string
	}{
		{"an address that would be more than one", []string{"--internal", "x;y:80"}, `internal.listen: must be host:port (got "x;y:80")`},
		{"a host that would be more than one", []string{"--set", "public.url=https://a;b"}, `host "a;b"`},
		{"an application without a port", []string{"--upstream", "app"}, "(--upstream or ws.upstream): must be host:port"},
		{"an application with a path", []string{"--upstream", "http://app:80/ws"}, "(--upstream or ws.upstream): must be host:port"},
		{"an application behind TLS", []string{"--set", "ws.upstream=https://app:443"}, "ws.upstream"},
		{"a faulty configuration", []string{"--set", "ws.path=ws", "--set", "public.hosts=*"}, "public.hosts"},
		{"a header that is none", []string{"--set", "identity.headers=sub=X-User;"}, "identity.headers"},
		{"TLS between the proxy and the internal listener", []string{"--set", "internal.tls.cert_file=c", "--set", "internal.tls.key_file=k"}, "internal.tls: print-config"},
		{"TLS between the proxy and the public listener", []string{"--set", "public.tls.cert_file=c", "--set", "public.tls.key_file=k"}, "public.tls: print-config"},
	} {
		stdout, _, err := printConfig(t, append([]string{"nginx"}, tt.args...)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || stdout != "" {
			t.Errorf("%s: got %q, %v; want nothing, and a fault with %q", tt.rule, stdout, err, tt.want)
		}
	}
	if _, _, err := printConfig(t, "apache"); err == nil {
		t.Error("got no error for an unknown proxy")
	} else if _, usage := errors.AsType[usageError](err); !usage {
		t.Errorf("got %v for an unknown proxy, want wrong usage", err)
	}
}

func TestPrintConfigWarnsOfUntrustedProxies(t *testing.T) {
	if _, stderr, err := printConfig(t, "nginx"); err != nil || !strings.Contains(stderr, "internal.forward_auth_peers (default: public.trusted_proxies) is empty") {
		t.Errorf("got %q, %v; want a warning", stderr, err)
	}
	if _, stderr, err := printConfig(t, "nginx", "--set", "public.trusted_proxies=127.0.0.1"); err != nil || stderr != "" {
		t.Errorf("got %q, %v; want silence", stderr, err)
	}
}
