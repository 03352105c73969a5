//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/testenv"
)

// patterns is a ListStringMatcher of exact names.
type patterns struct {
	Patterns []struct{ Exact string }
}

func (p patterns) match(name string) bool {
	return slices.ContainsFunc(p.Patterns, func(m struct{ Exact string }) bool { return strings.EqualFold(m.Exact, name) })
}

// envoyFilter has the settings of a filter that decide about a handshake.
type envoyFilter struct {
	Mutations struct {
		RequestMutations []struct{ Remove string } `yaml:"request_mutations"`
	}
	FailureModeAllow bool                  `yaml:"failure_mode_allow"`
	StatusOnError    struct{ Code string } `yaml:"status_on_error"`
	HTTPService      struct {
		ServerURI struct {
			URI, Timeout string
		} `yaml:"server_uri"`
		PathPrefix  string `yaml:"path_prefix"`
		RetryPolicy any    `yaml:"retry_policy"`
		Request     struct {
			Allowed patterns `yaml:"allowed_headers"`
		} `yaml:"authorization_request"`
		Response struct {
			Upstream patterns `yaml:"allowed_upstream_headers"`
			Client   patterns `yaml:"allowed_client_headers"`
		} `yaml:"authorization_response"`
	} `yaml:"http_service"`
}

// envoy simulates Envoy's filters header_mutation and ext_authz, because no package has
// Envoy's binary. It sends the same requests and treats the answers in the same way
// (envoy.extensions.filters.http.ext_authz.v3, http_service).
type envoy struct {
	authz   envoyFilter
	forged  []string // headers that are removed first
	timeout time.Duration
	http    http.Client
}

// newEnvoy reads the printed configuration.
func newEnvoy(t *testing.T, text string) *envoy {
	t.Helper()
	var printed struct {
		Resources struct {
			Listeners []struct {
				Chains []struct {
					Filters []struct {
						Config struct {
							Preserve bool  `yaml:"preserve_external_request_id"`
							Generate *bool `yaml:"generate_request_id"`
							Filters  []struct {
								Name   string
								Config envoyFilter `yaml:"typed_config"`
							} `yaml:"http_filters"`
						} `yaml:"typed_config"`
					}
				} `yaml:"filter_chains"`
			}
		} `yaml:"static_resources"`
	}
	if err := yaml.Unmarshal([]byte(text), &printed); err != nil {
		t.Fatal(err)
	}
	manager := printed.Resources.Listeners[0].Chains[0].Filters[0].Config
	filters := manager.Filters
	var names []string
	for _, f := range filters {
		names = append(names, f.Name)
	}
	order := []string{"forged", "envoy.filters.http.ext_authz", "envoy.filters.http.lua", "envoy.filters.http.router"}
	if !slices.Equal(names, order) {
		t.Fatalf("filters: got %q, want %q", names, order)
	}
	e := &envoy{authz: filters[1].Config}
	if manager.Preserve || manager.Generate != nil || !e.authz.HTTPService.Request.Allowed.match("x-request-id") {
		t.Error("a question has no request ID of Envoy's own, which it generates by default")
	}
	for _, m := range filters[0].Config.Mutations.RequestMutations {
		e.forged = append(e.forged, m.Remove)
	}
	var err error
	if e.timeout, err = time.ParseDuration(e.authz.HTTPService.ServerURI.Timeout); err != nil {
		t.Fatal(err)
	}
	if e.authz.FailureModeAllow || e.authz.HTTPService.RetryPolicy != nil || e.authz.StatusOnError.Code != "ServiceUnavailable" {
		t.Errorf("ext_authz: got %+v, want one question, and a refusal where it fails", e.authz)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	e.http = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return e
}

// decision is the result of the filters for a handshake.
type decision struct {
	status   int         // 200: accepted
	upstream http.Header // what the next filter sees
	client   http.Header // what the client gets with a refusal
}

// decide runs a client's request through both filters.
func (e *envoy) decide(ctx context.Context, host, path string, client http.Header) (decision, error) {
	// The connection manager sets x-forwarded-for and x-request-id, and drops
	// names with underscores.
	header := http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {newAttempt().name}}
	for name, values := range client {
		if header[name] == nil && !strings.Contains(name, "_") {
			header[name] = values
		}
	}
	for _, name := range e.forged {
		header.Del(name)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.authz.HTTPService.ServerURI.URI+e.authz.HTTPService.PathPrefix+path, http.NoBody)
	if err != nil {
		return decision{}, err
	}
	req.Host = host
	req.Header.Set("Content-Length", "0")
	for name, values := range header {
		if name == "Authorization" || e.authz.HTTPService.Request.Allowed.match(name) {
			req.Header[name] = values
		}
	}
	res, err := e.http.Do(req)
	if err != nil {
		return decision{status: http.StatusServiceUnavailable}, nil //nolint:nilerr // status_on_error
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode >= 500:
		return decision{status: http.StatusServiceUnavailable}, nil
	case res.StatusCode != http.StatusOK:
		v := decision{status: res.StatusCode, client: http.Header{}}
		for name, values := range res.Header {
			if e.authz.HTTPService.Response.Client.match(name) {
				v.client[name] = values
			}
		}
		return v, nil
	case res.ContentLength != 0:
		return decision{}, errors.New("an allowance with a body")
	}
	for name, values := range res.Header {
		if e.authz.HTTPService.Response.Upstream.match(name) {
			header[name] = values
		}
	}
	for name := range strings.SplitSeq(res.Header.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
		header.Del(strings.TrimSpace(name))
	}
	return decision{status: http.StatusOK, upstream: header}, nil
}

// envoyScene is a service behind an envoy.
type envoyScene struct {
	*scene
	envoy *envoy
	host  string
}

func newEnvoyScene(t *testing.T) *envoyScene {
	t.Helper()
	idp := newIssuer(t)
	s := &scene{t: t, redis: testenv.Redis(t), client: newClient(t)}
	config := idp.edgeConfig(t, s.redis.URL()+patientStore)
	s.service = serve(t, config)
	s.wire = newWire(t, s.service.internal)
	print := newPrinter(t, config, s.service.public, s.wire.addr(), "127.0.0.1:9000")
	s.running.addr = s.service.public // where tickets are issued
	s.bearer = idp.bearer(t, "alice", "email=alice@example.com", `groups=["staff","admins"]`, "preferred_username=al")
	return &envoyScene{s, newEnvoy(t, print("envoy")), s.service.public}
}

// browser returns the handshake of a page, plus a list of names and values.
func (s *envoyScene) browser(lines ...string) http.Header {
	h := http.Header{
		"Origin": {pageOrigin}, "Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"}, "Cookie": {"theme=dark"},
		"Sec-Websocket-Key": {newKey()}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Extensions": {"permessage-deflate"},
	}
	for i := 0; i+1 < len(lines); i += 2 {
		h[lines[i]] = []string{lines[i+1]}
	}
	return h
}

// want runs the filters and checks the status.
func (s *envoyScene) want(what string, status int, query string, h http.Header) decision {
	s.t.Helper()
	v, err := s.envoy.decide(s.t.Context(), s.host, "/ws"+query, h)
	if err != nil || v.status != status {
		s.t.Errorf("%s: got %d, %v; want %d", what, v.status, err, status)
	}
	return v
}

// TestEnvoyContract tests the service with what Envoy's ext_authz sends and expects
// with the printed configuration.
func TestEnvoyContract(t *testing.T) {
	t.Parallel()
	s := newEnvoyScene(t)
	const ok, no = http.StatusOK, http.StatusUnauthorized

	// The first answer of a new process may take too long.
	s.envoy.timeout = patience
	token := s.issue()
	v := s.want("a ticket in the query", ok, "?room=1&ticket="+token, s.browser())
	s.wantIdentity(v.upstream, true)
	denied := s.want("the same again", no, "?ticket="+token, s.browser())
	if got := denied.client.Get("Www-Authenticate"); !strings.HasPrefix(got, "Ticket") {
		t.Errorf("WWW-Authenticate: got %q, want Ticket", got)
	}
	s.want("a ticket among the subprotocols", ok, "", s.browser("Sec-Websocket-Protocol", "wsticket.v1, ticket."+s.issue()))
	s.want("a ticket in the header", ok, "", s.browser("Authorization", "Ticket "+s.issue()))
	s.want("a bearer in the header", ok, "", s.browser("Authorization", "Bearer "+s.bearer))
	s.want("from another page", no, "?ticket="+s.issue(), s.browser("Origin", otherOrigin))
	s.want("no ticket", no, "?room=1", s.browser())

	// If Envoy took WebSockets by HTTP/2, it would ask so. So may anybody by HTTP/1.1.
	unkeyed := s.browser()
	delete(unkeyed, "Sec-Websocket-Key")
	s.want("no key", http.StatusBadRequest, "?ticket="+s.issue(), unkeyed)

	left := s.issue()
	s.want("from a foreign page", http.StatusForbidden, "?ticket="+left, s.browser("Origin", "https://foreign.example"))
	for _, query := range []string{"?%%74icket=%s", "?Ticket=%s", "?ticket=%s&ticket=x"} {
		s.want(query, http.StatusBadRequest, fmt.Sprintf(query, left), s.browser())
	}
	v = s.want("with forged headers", ok, "?ticket="+left, s.browser(
		"X-Auth-Request-User", "forged", "X_auth_request_user", "forged", "X-Wsticket-Id", "forged", "X-Wsticket-Assertion", "forged"))
	s.wantIdentity(v.upstream, true)

	t.Run("no answer in time", func(t *testing.T) {
		s.t = t
		s.envoy.timeout, _ = time.ParseDuration(s.envoy.authz.HTTPService.ServerURI.Timeout)
		late := s.issue()
		s.wire.stall()
		s.want("no answer", http.StatusServiceUnavailable, "?ticket="+late, s.browser())
		s.wire.heal()
		s.envoy.timeout = patience
		s.want("the same ticket by somebody else", no, "?ticket="+late, s.browser())
	})
	t.Run("store away", func(t *testing.T) {
		s.t = t
		pending := s.issue()
		s.redis.Kill()
		s.want("no store", http.StatusServiceUnavailable, "?ticket="+pending, s.browser())
	})
	t.Run("service gone", func(t *testing.T) {
		s.t = t
		s.service.stop(t)
		s.want("no service", http.StatusServiceUnavailable, "?ticket="+left, s.browser())
	})
	s.t = t
	if n := s.ticketsIn(s.service.log.String()); n > 0 {
		t.Errorf("%d of %d tickets are in the log of wsticket", n, len(s.tokens))
	}
}
