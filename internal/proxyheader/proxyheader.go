// Package proxyheader knows the header fields in which proxies and content
// delivery networks state who a client is and what it has requested. They mean
// something from a proxy that is trusted to set them, and nothing from anybody
// else. docs/sidecar.md has the list for users.
package proxyheader

import (
	"slices"
	"strings"
)

// Is reports whether a field is one of those. The name is in canonical form.
func Is(name string) bool {
	return names[name] ||
		slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
		slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

var (
	// X-Forwarded-For and what else was forwarded, what was requested, such as
	// X-Original-Url, X-Rewrite-Url and X-Envoy-Original-Path, and
	// X-Envoy-External-Address.
	prefixes = []string{"X-Forwarded-", "X-Original-", "X-Rewrite-", "X-Envoy-"}

	// X-Client-Ip, True-Client-Ip (Akamai, Cloudflare), Fastly-Client-Ip,
	// Fly-Client-Ip, Incap-Client-Ip, X-Cluster-Client-Ip, X-Real-Ip, Ali-Cdn-Real-Ip,
	// Cf-Connecting-Ip, Do-Connecting-Ip.
	suffixes = []string{"-Client-Ip", "-Real-Ip", "-Connecting-Ip"}
)

var names = map[string]bool{
	// The address of the client.
	"Cf-Connecting-Ipv6":        true, // Cloudflare
	"Cf-Pseudo-Ipv4":            true,
	"Client-Ip":                 true,
	"Cloudfront-Viewer-Address": true, // Amazon CloudFront
	"Forwarded":                 true, // RFC 7239
	"Forwarded-For":             true,
	"Remote-Addr":               true,
	"X-Appengine-Remote-Addr":   true, // Google App Engine
	"X-Appengine-User-Ip":       true,
	"X-Azure-Clientip":          true, // Azure Front Door
	"X-Azure-Socketip":          true,
	"X-Forward-For":             true,
	"X-Forwarded":               true,
	"X-Nf-Client-Connection-Ip": true, // Netlify
	"X-Originating-Ip":          true,
	"X-Proxyuser-Ip":            true, // Google
	"X-Remote-Addr":             true,
	"X-Remote-Ip":               true,
	"X-Sucuri-Clientip":         true, // Sucuri
	"X-Vercel-Forwarded-For":    true, // Vercel
	"X-Vercel-Proxied-For":      true,
	// What the client has requested, and how.
	"Front-End-Https":         true,
	"Request-Uri":             true,
	"X-Auth-Request-Redirect": true, // oauth2-proxy
	"X-Orig-Url":              true,
	"X-Request-Uri":           true,
	"X-Request-Url":           true,
	"X-Scheme":                true,
	"X-Url-Scheme":            true,
	"X-Waws-Unencoded-Url":    true, // Azure App Service
}
