package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"

	"wsticket/gate"
	"wsticket/ticket"
)

// contract describes how one proxy asks whether a request may pass
// (docs/edge.md). Every value is read from the one place where that proxy puts
// it: a header that the proxy does not set may come from the client.
type contract struct {
	// pattern is the route, which names the proxy in logs.
	pattern string
	// method, uri, host and scheme are the headers that the proxy sets. If one of
	// the first three is empty, the value is that of the question's own request
	// line or Host. If the last one is empty, there is no such value.
	method, uri, host, scheme string
	// named: the proxy can give the request an X-Request-Id, which then is part of
	// the attempt. It may be missing: the client's Sec-WebSocket-Key and address
	// name the attempt alone then.
	named bool
	// sharesQuery: the question's own request line may repeat the client's
	// query, which is not read there.
	sharesQuery bool
	// copies: the proxy cannot edit a header of the client, but copies those of the
	// answer: the offered subprotocols and Authorization, without a ticket or bearer.
	copies bool
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
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", named: true, coarse: true,
	},
	// Traefik generates no request ID, so that the client's Sec-WebSocket-Key
	// alone names the attempt.
	{
		pattern: "/auth/traefik", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", copies: true,
	},
	// Caddy appends the client's query to the path of the question.
	{
		pattern: "/auth/caddy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", named: true, sharesQuery: true,
	},
	{
		pattern: "/auth/haproxy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri",
		host: "X-Forwarded-Host", scheme: "X-Forwarded-Proto", named: true,
	},
	// Envoy puts its prefix before the path of the client's request line.
	{pattern: "/auth/envoy/*", named: true, sharesQuery: true},
}

// question is the request that a proxy asks about.
type question struct{ method, host, path, query, requestID string }

// read returns the question in the headers of r. If a header is absent, empty,
// repeated or not understood, the error is errForwarded, which names it.
func (c contract) read(r *http.Request) (question, error) {
	q := question{method: r.Method, host: r.Host}
	uri, scheme := c.ownURI(r), "https"
	for _, pinned := range []struct {
		header string
		into   *string
	}{
		{c.method, &q.method}, {c.uri, &uri}, {c.host, &q.host}, {c.scheme, &scheme},
	} {
		if pinned.header == "" {
			continue
		}
		if err := only(r.Header, pinned.header, pinned.into); err != nil {
			return question{}, err
		}
	}
	switch {
	case len(r.Header["X-Forwarded-For"]) == 0:
		return question{}, forwarded("X-Forwarded-For", "missing")
	case socketScheme(strings.ToLower(scheme)) == "":
		return question{}, ticket.WithAttrs(forwarded(c.scheme, "not understood"), slog.String("value", scheme))
	case !isOriginForm(uri):
		// Not the value, which may hold any credential.
		return question{}, forwarded(cmp.Or(c.uri, "request line"), "not understood")
	}
	q.path, q.query, _ = strings.Cut(uri, "?")
	if c.named {
		// A client's own one beside the proxy's changes nothing for anybody else.
		q.requestID = strings.Join(r.Header["X-Request-Id"], " ")
	}
	return q, nil
}

// only sets into to the one value of a header. Several values, and one that is
// empty, are an error.
func only(h http.Header, name string, into *string) error {
	values := h[name]
	switch {
	case len(values) == 0:
		return forwarded(name, "missing")
	case len(values) > 1:
		return forwarded(name, "repeated")
	case values[0] == "":
		return forwarded(name, "empty")
	}
	*into = values[0]
	return nil
}

// forwarded returns errForwarded with the header and what is wrong with it.
func forwarded(name, fault string) error {
	attrs := ticket.WithAttrs(errForwarded, slog.String("header", name), slog.String("fault", fault))
	return ticket.WithDetail(attrs, name+": "+fault)
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
		detail := answer.Detail
		answer = gate.NewRefusal("invalid_request")
		answer.Detail = detail
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
