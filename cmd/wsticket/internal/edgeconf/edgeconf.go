// Package edgeconf writes the configuration of proxies that ask wsticket about
// handshakes: what print-config prints.
package edgeconf

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/maskurl"
)

// defaultUpstream is the application if none is configured.
const defaultUpstream = "127.0.0.1:9000"

// templates are the templates of the configurations. The results for the
// default settings are under deploy/.
//
//go:embed templates
var templates embed.FS

// files are the templates by the names of what they configure.
var files = map[string]string{
	"nginx": "nginx.conf", "caddy": "Caddyfile", "envoy": "envoy.yaml",
	"traefik": "traefik.yml", "traefik-static": "traefik-static.yml",
	"haproxy": "haproxy.cfg", "haproxy-lua": "wsticket.lua",
	"gateway-api": "httproute.yaml", "envoy-gateway": "envoy-gateway.yaml",
}

// Settings are what the templates depend on.
type Settings struct {
	Config config.Config
	// Headers are the names of all headers that an application may read as the
	// identity.
	Headers []string
	// Upstream is host and port of the application, or http:// and these.
	// Default: ws.upstream, else 127.0.0.1:9000.
	Upstream string
}

// Render returns the configuration of a proxy, or what some proxies need beside
// their main file: nginx, caddy, envoy, traefik, traefik-static, haproxy,
// haproxy-lua, gateway-api or envoy-gateway. Config must have no faults in what Render looks at: both
// listeners, ws and identity.
func Render(name string, s Settings) (string, error) {
	e, err := newEdge(s)
	if err != nil {
		return "", err
	}
	return e.render(files[name])
}

// edge is what the templates are filled with. All addresses are host:port.
type edge struct {
	Public, Internal, Upstream string
	Names                      []string // of hosts, without ports
	Paths                      []string // ws.path
	Parameter                  string
	Headers                    []string // that speak of identity
	Peers                      []string // that may ask without a key
	Assertion                  bool     // its keys have to be reached under public.url
}

func newEdge(s Settings) (edge, error) {
	cfg := s.Config
	e := edge{
		Names: hostNames(cfg.Public), Paths: cfg.WS.Paths, Parameter: cfg.WS.TicketParameter,
		Headers: slices.Sorted(slices.Values(s.Headers)), Assertion: cfg.Identity.AssertionKeyFile != "",
	}
	for _, peer := range cfg.AuthPeers() {
		e.Peers = append(e.Peers, peer.String())
	}
	upstream := strings.TrimPrefix(cmp.Or(s.Upstream, cfg.WS.Upstream, defaultUpstream), "http://")
	var faults []error
	for _, address := range []struct {
		of, text string
		into     *string
	}{
		{"public.listen", cfg.Public.Listen, &e.Public},
		{"internal.listen", cfg.Internal.Listen, &e.Internal},
		{"the application (--upstream or ws.upstream)", upstream, &e.Upstream},
	} {
		var err error
		if *address.into, err = reachable(address.text); err != nil {
			faults = append(faults, fmt.Errorf("%s: must be host:port (got %q)", address.of, maskurl.Hide(address.text)))
		}
	}
	return e, errors.Join(faults...)
}

// reachable returns the address at which a listener is reached from its own
// machine.
func reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "" || strings.ContainsFunc(host+port, isNoAddress) {
		return "", errors.New("not an address")
	}
	return net.JoinHostPort(host, port), nil
}

// isNoAddress reports whether c does not occur in addresses, so that it could
// have a meaning in a configuration file.
func isNoAddress(c rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_", c)
}

// hostNames returns the hosts that are answered, without ports. If they are the
// default, the loopback names of this machine, it returns one of them, which is
// enough for an example.
func hostNames(public config.Public) []string {
	if len(public.Hosts) == 0 && public.URL == "" {
		return []string{"localhost"}
	}
	var names []string
	for _, host := range public.AllowedHosts() {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
			if strings.Contains(name, ":") {
				host = "[" + name + "]"
			}
		}
		if !slices.Contains(names, host) {
			names = append(names, host)
		}
	}
	return names
}

// render fills a template.
func (e edge) render(name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"lower": strings.ToLower, "join": strings.Join, "underscored": underscored, "either": either,
	}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, e)
	return text.String(), err
}

// underscored returns the name of a header as an identifier.
func underscored(header string) string { return strings.ReplaceAll(header, "-", "_") }

// either returns a pattern of the name of a header in lower case that matches an
// underscore for each dash too: many applications take one for the other.
func either(header string) string { return strings.ReplaceAll(strings.ToLower(header), "-", "[-_]") }

// What stands for a template of ws.path: one segment that does not begin with a
// dot, and has no slash, backslash or control character, even if it is escaped.
// The application could read another one as another path.
const (
	// decodedSegment is for proxies that match the decoded path.
	decodedSegment = `[^/.\x5C[:cntrl:]][^/\x5C[:cntrl:]]*`
	// rawSegment is for those that match what the client sent.
	rawSegment = `([^/%.\\[:cntrl:]]|` + rawEscape + `)([^/%\\[:cntrl:]]|` + rawEscape + `)*`
	rawEscape  = `%(2[0-9A-Da-d]|5[0-9ABDEFabdef]|7[0-9A-Ea-e]|[34689A-Fa-f][0-9A-Fa-f])`
)

// DecodedPaths returns a regular expression of ws.path for decoded paths.
func (e edge) DecodedPaths() string { return e.pathPattern(decodedSegment) }

// RawPaths returns a regular expression of ws.path for paths as they were sent.
func (e edge) RawPaths() string { return e.pathPattern(rawSegment) }

// pathPattern returns a regular expression that every proxy understands: it
// matches the paths with and without a slash at the end.
func (e edge) pathPattern(segment string) string {
	patterns := make([]string, len(e.Paths))
	for i, path := range e.Paths {
		var segments []string
		for part := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
			if strings.HasPrefix(part, "{") {
				segments = append(segments, segment)
			} else {
				segments = append(segments, regexp.QuoteMeta(part))
			}
		}
		patterns[i] = strings.Join(segments, "/")
	}
	return "^(" + strings.Join(patterns, "|") + ")/?$"
}

// Underscored returns prefixes of names. Every name of an identity header in
// which some dashes are underscores has one of them: up to its first underscore.
func (e edge) Underscored() []string {
	var beginnings []string
	for _, header := range e.Headers {
		for i, c := range header {
			if c == '-' {
				beginnings = append(beginnings, header[:i]+"_")
			}
		}
	}
	slices.Sort(beginnings)
	return slices.Compact(beginnings)
}

// PeersNow describes who may ask without a key.
func (e edge) PeersNow() string {
	if len(e.Peers) == 0 {
		return "now there is none"
	}
	return "now " + strings.Join(e.Peers, ", ")
}

// TraefikHosts returns the part of a rule that matches the hosts.
func (e edge) TraefikHosts() string {
	rules := make([]string, len(e.Names))
	for i, name := range e.Names {
		rules[i] = "Host(`" + name + "`)"
	}
	return "(" + strings.Join(rules, " || ") + ")"
}

// cluster is one address for Envoy.
type cluster struct{ Name, Host, Port string }

// Clusters returns all addresses, taken apart.
func (e edge) Clusters() []cluster {
	var clusters []cluster
	for _, c := range []struct{ name, addr string }{
		{"wsticket_public", e.Public}, {"wsticket_internal", e.Internal}, {"wsticket_application", e.Upstream},
	} {
		host, port, _ := net.SplitHostPort(c.addr) // newEdge has checked them
		clusters = append(clusters, cluster{c.name, host, port})
	}
	return clusters
}
