package edgeconf

import (
	"net"
	"strings"
)

// asked are the headers of a client that decide about a handshake, and those that a
// gateway sets.
var asked = []string{
	"Origin", "Cookie", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
	"Sec-WebSocket-Extensions", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id",
}

// Asked returns the headers that a gateway has to be told to send.
func (edge) Asked() []string { return asked }

// DNSNames returns the hosts that a route can name, which are no addresses. If none is
// configured, the route is for every host of its gateway.
func (e edge) DNSNames() []string {
	var names []string
	for _, name := range e.Names {
		if net.ParseIP(strings.Trim(name, "[]")) == nil && name != "localhost" {
			names = append(names, name)
		}
	}
	return names
}

// ExactPaths returns the paths without a template, with and without a slash at the
// end.
func (e edge) ExactPaths() []string {
	var paths []string
	for _, path := range e.Paths {
		if bare := strings.TrimSuffix(path, "/"); bare == "" {
			paths = append(paths, "/")
		} else if !strings.Contains(path, "{") {
			paths = append(paths, bare, bare+"/")
		}
	}
	return paths
}

// RawTemplates returns a regular expression of the other paths, as they were sent. It
// is empty if there are none.
func (e edge) RawTemplates() string {
	var paths []string
	for _, path := range e.Paths {
		if strings.Contains(path, "{") {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	e.Paths = paths
	return e.RawPaths()
}

// service is a Service of Kubernetes.
type service struct{ Name, Namespace, Port string }

// Application returns the Service of the application: name or name.namespace, with
// what follows in names of a cluster. An address is none, so that an example stands
// for it.
func (e edge) Application() service {
	host, port, _ := net.SplitHostPort(e.Upstream) // newEdge has checked it
	name, rest, _ := strings.Cut(host, ".")
	if net.ParseIP(host) != nil || name == "localhost" {
		return service{Name: "chat", Port: port}
	}
	namespace, _, _ := strings.Cut(rest, ".")
	return service{name, namespace, port}
}

// InternalPort returns the port of the internal listener.
func (e edge) InternalPort() string {
	_, port, _ := net.SplitHostPort(e.Internal) // newEdge has checked it
	return port
}

// Lua returns the filter of Envoy that removes tickets, behind so many spaces.
func (e edge) Lua(indent int) (string, error) {
	code, err := e.render("envoy.lua")
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for line := range strings.Lines(code) {
		if line != "\n" {
			text.WriteString(strings.Repeat(" ", indent))
		}
		text.WriteString(line)
	}
	return text.String(), nil
}
