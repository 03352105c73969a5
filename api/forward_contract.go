package api

import (
	"context"
	"net/http"
	"strings"

	"wsticket/gate"
)

// contract describes how one proxy asks whether a request may pass
// (docs/edge.md). Every value is read from the one place where that proxy puts
// it: a header that the proxy does not set may come from the client.
type contract struct {
	// pattern is the route, which names the proxy in logs.
	pattern string
	// method, uri, host, scheme and requestID are the headers that the proxy
	// sets. If one of the first three is empty, the value is that of the
	// question's own request line or Host. If one of the others is empty, there
	// is no such value.
	method, uri, host, scheme, requestID string
	// sharesQuery: the question's own request line may repeat the client's
	// query, which is not read there.
	sharesQuery bool
	// setsOffer: the proxy cannot edit a header of the client, but copies one of
	// the answer: the offered subprotocols without the ticket.
	setsOffer bool
	// coarse: the proxy takes every answer but 200, 401 and 403 for a fault.
	coarse bool
}

// contracts has one row for each kind of proxy. All of them need X-Forwarded-For
// as well.
var contracts = []contract{
	// For any other status nginx answers 500 and writes the client's request
	// line to its error log, ticket included.
	{
		pattern: "/auth/nginx", method: "X-Original-Method", uri: "X-Original-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id", coarse: true,
	},
	// Traefik generates no request ID, so that the client's Sec-WebSocket-Key
	// alone names the attempt.
	{
		pattern: "/auth/traefik", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", setsOffer: true,
	},
	// Caddy appends the client's query to the path of the question.
	{
		pattern: "/auth/caddy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id", sharesQuery: true,
	},
	{
		pattern: "/auth/haproxy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", requestID: "X-Request-Id",
	},
	// Envoy puts its prefix before the path of the client's request line.
	{pattern: "/auth/envoy/*", requestID: "X-Request-Id", sharesQuery: true},
}

// question is the request that a proxy asks about.
type question struct{ method, host, query, requestID string }

// read returns the question in the headers of r. A header that is absent, empty
// or repeated is errForwarded.
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

// ownURI returns what follows the pattern on the question's own request line,
// not unescaped as the path of a parsed URL is.
func (c contract) ownURI(r *http.Request) string {
	uri, found := strings.CutPrefix(r.RequestURI, strings.TrimSuffix(c.pattern, "/*"))
	if !found {
		return ""
	}
	return uri
}

// isOriginForm reports whether uri is a path and a query as on a request line
// (RFC 9112 3.2.1).
func isOriginForm(uri string) bool {
	return strings.HasPrefix(uri, "/") &&
		!strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' })
}

// deny returns an answer as one that the proxy takes for a denial. It sets
// X-Wsticket-Error for the proxy's log. Some proxies relay that to the client, so
// it holds nothing that the body does not.
func (c contract) deny(w http.ResponseWriter, answer gate.Refusal) gate.Refusal {
	if answer.Status == http.StatusMethodNotAllowed || answer.Status == http.StatusUpgradeRequired {
		// Allow and Upgrade would be about the question.
		answer = gate.NewRefusal("invalid_request")
	}
	w.Header().Set("X-Wsticket-Error", answer.Code)
	if c.coarse && answer.Status != http.StatusUnauthorized {
		answer.Status = http.StatusForbidden
	}
	return answer
}

// covers reports whether path is one of the contract's route.
func (c contract) covers(path string) bool {
	if prefix, open := strings.CutSuffix(c.pattern, "*"); open {
		return strings.HasPrefix(path, prefix)
	}
	return path == c.pattern
}

type contractKey struct{}

// asking stores the contract of a request in its context, so that it is refused
// according to that even before it is routed.
func asking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range contracts {
			if c.covers(routePath(r)) {
				r = r.WithContext(context.WithValue(r.Context(), contractKey{}, c))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// contractOf returns the contract of a request, and reports whether it has one.
func contractOf(ctx context.Context) (contract, bool) {
	c, ok := ctx.Value(contractKey{}).(contract)
	return c, ok
}
