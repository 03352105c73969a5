package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// externalAuth is the filter of a printed route.
type externalAuth struct {
	Protocol string
	Backend  struct{ Port int } `yaml:"backendRef"`
	HTTP     struct {
		Path     string
		Allowed  []string `yaml:"allowedHeaders"`
		Response []string `yaml:"allowedResponseHeaders"`
	}
	ForwardBody any `yaml:"forwardBody"`
}

// printedFilter returns the only filter of the printed route.
func printedFilter(t *testing.T) externalAuth {
	t.Helper()
	var route struct {
		Spec struct {
			Rules []struct {
				Filters []struct {
					Type string
					Auth externalAuth `yaml:"externalAuth"`
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(mustPrint(t, "gateway-api")), &route); err != nil {
		t.Fatal(err)
	}
	last := route.Spec.Rules[len(route.Spec.Rules)-1]
	if len(last.Filters) != 1 || last.Filters[0].Type != "ExternalAuth" {
		t.Fatalf("filters of the WebSocket: got %+v, want ExternalAuth", last.Filters)
	}
	return last.Filters[0].Auth
}

// ask sends what a gateway with this filter sends about a browser's handshake: Host,
// method, path and Authorization, and the headers that the filter allows.
func (f externalAuth) ask(t *testing.T, p *process, uri string, client http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.internal+f.HTTP.Path+uri, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "localhost"
	for name, values := range client {
		if name == "Authorization" || slices.ContainsFunc(f.HTTP.Allowed, func(allowed string) bool { return http.CanonicalHeaderKey(allowed) == name }) {
			req.Header[name] = values
		}
	}
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

// TestGatewayAPIFilter asks as a gateway does that has the printed filter. Without
// the list of headers, it could let nobody in.
func TestGatewayAPIFilter(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "public.trusted_proxies=127.0.0.1")
	bearer := idp.bearer(t, "alice")
	filter := printedFilter(t)
	if filter.Protocol != "HTTP" || filter.ForwardBody != nil || filter.Backend.Port != 8081 {
		t.Errorf("got %+v, want HTTP without a body to the internal listener", filter)
	}
	handshake := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		"X-Forwarded-For": {"203.0.113.5"}, "X-Forwarded-Proto": {"https"}, "X-Request-Id": {"request-1"},
	}
	uri := "/ws?ticket=" + issue(t, p.public, bearer).Ticket
	told := externalAuth{}
	told.HTTP.Path = filter.HTTP.Path
	if got := told.ask(t, p, uri, handshake); got.status == http.StatusOK {
		t.Error("a gateway that sends no headers: got 200, want a refusal")
	}
	allowed := filter.ask(t, p, uri, handshake)
	if allowed.status != http.StatusOK || allowed.body != "" || allowed.header.Get("X-Auth-Request-User") != "alice" {
		t.Fatalf("got %d %s, want alice", allowed.status, allowed.body)
	}
	// Every header of the identity replaces that of a client, so it has to be there.
	for _, name := range filter.HTTP.Response {
		if _, there := allowed.header[http.CanonicalHeaderKey(name)]; !there {
			t.Errorf("the answer has no %s, so that a client's own one would stay", name)
		}
	}
	for name := range allowed.header {
		ours := strings.HasPrefix(name, "X-Auth-Request-") || strings.HasPrefix(name, "X-Wsticket-")
		if ours && !slices.ContainsFunc(filter.HTTP.Response, func(listed string) bool { return http.CanonicalHeaderKey(listed) == name }) {
			t.Errorf("the application does not get %s", name)
		}
	}
	other := handshake.Clone()
	other.Set("Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==")
	other.Set("X-Request-Id", "request-2")
	if again := filter.ask(t, p, uri, other); again.status != http.StatusUnauthorized {
		t.Errorf("the same ticket again: got %d, want 401", again.status)
	}
	foreign := handshake.Clone()
	foreign.Set("Origin", "https://elsewhere.example")
	if got := filter.ask(t, p, "/ws?ticket="+issue(t, p.public, bearer).Ticket, foreign); got.status != http.StatusForbidden {
		t.Errorf("a foreign origin: got %d, want 403", got.status)
	}
}
