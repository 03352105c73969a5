package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"wsticket/internal/origin"
)

// defaultUpstream is the application where nobody says another one.
const defaultUpstream = "127.0.0.1:9000"

// edge is what the templates are filled with. All addresses are host:port.
type edge struct {
	Public, Internal, Upstream string
	Names                      []string // of hosts, without ports
	Path, Parameter            string
	Headers                    []string // that speak of identity
	Trusted                    []string // public.trusted_proxies
	Assertion                  bool     // its keys have to be reached under public.url
}

// newEdge reads a configuration in which validateEdge has found no fault.
func newEdge(cfg Config, upstream string) (edge, error) {
	e := edge{
		Names: hostNames(cfg.Public), Path: cfg.WS.Path, Parameter: cfg.WS.TicketParameter,
		Headers: identityHeaders(cfg.Identity), Trusted: cfg.Public.TrustedProxies,
		Assertion: cfg.Identity.AssertionKeyFile != "",
	}
	upstream = strings.TrimPrefix(cmp.Or(upstream, cfg.WS.Upstream, defaultUpstream), "http://")
	var faults []error
	if _, err := origin.NewHosts(e.Names); err != nil { // that of public.url has not been looked at
		faults = append(faults, err)
	}
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
			faults = append(faults, fmt.Errorf("%s: must be host:port (got %q)", address.of, address.text))
		}
	}
	return e, errors.Join(faults...)
}

// reachable is the address at which a listener is reached from its own machine.
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

// isNoAddress finds what would mean something to a configuration file.
func isNoAddress(c rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_", c)
}

// hostNames are the hosts that are answered, without ports. Of the names of
// this machine to itself, which are the default, one does for an example.
func hostNames(cfg PublicConfig) []string {
	if len(cfg.Hosts) == 0 && cfg.URL == "" {
		return []string{"localhost"}
	}
	var public *url.URL
	if cfg.URL != "" {
		public, _ = url.Parse(cfg.URL) // an error is a fault of the configuration
	}
	var names []string
	for _, host := range allowedHosts(cfg, public) {
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

// identityHeaders are all that an application may take for the identity.
func identityHeaders(cfg IdentityConfig) []string {
	names := []string{"X-Wsticket-Id", "X-Wsticket-Expires", "X-Wsticket-Assertion"}
	names = slices.AppendSeq(names, maps.Values(cfg.Headers.claims))
	slices.Sort(names)
	return names
}

// render fills a template.
func (e edge) render(name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"lower": strings.ToLower, "join": strings.Join, "underscored": underscored, "either": either,
	}).ParseFS(edgeFiles, "edge/"+name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, e)
	return text.String(), err
}

// underscored is a header's name as a name of most languages.
func underscored(header string) string { return strings.ReplaceAll(header, "-", "_") }

// either is a pattern of a header's name in lower case, with each dash as dash
// or underscore: many an application takes one for the other.
func either(header string) string { return strings.ReplaceAll(strings.ToLower(header), "-", "[-_]") }

// Underscored are beginnings of names. Every name of a header of the identity
// that has underscores for some of its dashes has one of them, for it is known
// by its first underscore.
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

// TrustedNow says what public.trusted_proxies is.
func (e edge) TrustedNow() string {
	if len(e.Trusted) == 0 {
		return "now it names none"
	}
	return "now " + strings.Join(e.Trusted, ", ")
}

// TraefikHosts is the part of a rule that matches the hosts.
func (e edge) TraefikHosts() string {
	rules := make([]string, len(e.Names))
	for i, name := range e.Names {
		rules[i] = "Host(`" + name + "`)"
	}
	return "(" + strings.Join(rules, " || ") + ")"
}

// cluster is one address for Envoy.
type cluster struct{ Name, Host, Port string }

// Clusters are all addresses, taken apart.
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
