package api

import (
	"context"
	"net/http"
	"strings"

	"wsticket/internal/problem"
)

// contract says how one proxy asks whether a request may pass (docs/edge.md).
// Where something stands is pinned: it is read from there and from nowhere
// else, because what a proxy does not set itself is the client's to set.
type contract struct {
	// pattern is the route, and names the proxy in logs.
	pattern string
	// method, uri, host, scheme and requestID are the headers that the proxy
	// sets. An empty one of the first three is read from our own request
	// line and Host; an empty one of the others is not read.
	method, uri, host, scheme, requestID string
	// sharesQuery: the client's query may also stand on our own request line,
	// where it means nothing.
	sharesQuery bool
	// setsOffer: it can copy a header of ours, and not edit one of the
	// client's, so that it is told the subprotocols without the ticket.
	setsOffer bool
	// coarse: every answer but 200, 401 and 403 is a fault to the proxy.
	coarse bool
}

// contracts lists those that there are. X-Forwarded-For must be there in each
// of them.
func contracts() []contract {
	return []contract{
		// nginx makes a 500 of everything else, and writes the client's
		// request line into its error log then, ticket and all.
		{
			pattern: "/auth/nginx", method: "X-Original-Method", uri: "X-Original-Uri",
			host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id", coarse: true,
		},
		// Traefik draws no ID for a request: the client's Sec-WebSocket-Key
		// has to do.
		{
			pattern: "/auth/traefik", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
			host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", setsOffer: true,
		},
		// Caddy appends the client's query to the path that it asks at.
		{
			pattern: "/auth/caddy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
			host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id", sharesQuery: true,
		},
		{
			pattern: "/auth/haproxy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
			host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id",
		},
		// Envoy puts its prefix before the client's own request line.
		{pattern: "/auth/envoy/*", requestID: "X-Request-Id", sharesQuery: true},
	}
}

// question is the request that a proxy asks about.
type question struct{ method, host, query, requestID string }

// read takes the question from the headers of r. One that is not there, or
// twice, is a refusal.
func (c contract) read(r *http.Request) (question, error) {
	q := question{method: r.Method, host: r.Host}
	uri, scheme := c.ownURI(r), "https"
	for _, pinned := range []struct {
		header string
		into   *string
	}{
		{c.method, &q.method}, {c.uri, &uri}, {c.host, &q.host}, {c.scheme, &scheme}, {c.requestID, &q.requestID},
	} {
		if pinned.header == "" {
			continue
		}
		values := r.Header[pinned.header]
		if len(values) != 1 || values[0] == "" {
			return question{}, errForwarded
		}
		*pinned.into = values[0]
	}
	if len(r.Header["X-Forwarded-For"]) == 0 || socketScheme(scheme) == "" || !isOriginForm(uri) {
		return question{}, errForwarded
	}
	_, q.query, _ = strings.Cut(uri, "?")
	return q, nil
}

// ownURI is what stands behind the prefix on our own request line. It is read
// as it came, for the path of a parsed URL is unescaped.
func (c contract) ownURI(r *http.Request) string {
	uri, found := strings.CutPrefix(r.RequestURI, strings.TrimSuffix(c.pattern, "/*"))
	if !found {
		return ""
	}
	return uri
}

// isOriginForm accepts a path and a query as they stand on a request line
// (RFC 9112 3.2.1).
func isOriginForm(uri string) bool {
	return strings.HasPrefix(uri, "/") &&
		!strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' })
}

// deny turns an answer into one that the proxy takes for a denial. The header
// is for the proxy's log; it says what the client is told as well, for some
// proxies relay it.
func (c contract) deny(w http.ResponseWriter, p problem.Problem) problem.Problem {
	w.Header().Set("X-Wsticket-Error", p.Code)
	if c.coarse && p.Status != http.StatusUnauthorized {
		p.Status = http.StatusForbidden
	}
	return p
}

func (c contract) covers(path string) bool {
	if prefix, open := strings.CutSuffix(c.pattern, "*"); open {
		return strings.HasPrefix(path, prefix)
	}
	return path == c.pattern
}

type contractKey struct{}

// asking notes under which contract a request comes, so that whatever refuses
// it, even before it is routed, keeps to that.
func asking(next http.Handler) http.Handler {
	table := contracts()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range table {
			if c.covers(routePath(r)) {
				r = r.WithContext(context.WithValue(r.Context(), contractKey{}, c))
			}
		}
		next.ServeHTTP(w, r)
	})
}

func contractOf(ctx context.Context) (contract, bool) {
	c, ok := ctx.Value(contractKey{}).(contract)
	return c, ok
}
