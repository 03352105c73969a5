package identity

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// AmbiguousError is the fault of headers that say who a user is, but not whose
// user that is: identities come from several issuers, each of which may have an
// "alice" (RFC 7519 4.1.2; ASVS 10.3.3).
type AmbiguousError struct {
	// Issuers are the different issuers, sorted.
	Issuers []string
	// Headers are those of [Options], and one for iss.
	Headers map[string]string
}

// Error says what to set.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("must have one for iss, such as %s, or there must be an assertion: identities come from %s, and only iss and sub together name a user",
		e.Headers["iss"], e.Sources())
}

// Sources names the issuers, three of them at most.
func (e *AmbiguousError) Sources() string {
	const shown = 3
	if len(e.Issuers) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(e.Issuers[:shown], ", "), len(e.Issuers)-shown)
	}
	return strings.Join(e.Issuers, " and ")
}

// ambiguous returns an error if the headers show an identity without its
// issuer, and there are several issuers.
func (o Options) ambiguous() error {
	issuers := slices.Compact(slices.Sorted(slices.Values(o.Issuers)))
	if _, named := o.Headers["iss"]; len(issuers) < 2 || named || !showIdentity(o.Headers) {
		return nil
	}
	return &AmbiguousError{Issuers: issuers, Headers: WithIssuer(o.Headers)}
}

// showIdentity reports whether a claim in headers is one of the user. The others
// belong to the ticket.
func showIdentity(headers map[string]string) bool {
	for claim := range headers {
		if claim != "aud" && claim != "scope" {
			return true
		}
	}
	return false
}

// WithIssuer returns headers with one for iss, if there is none and there is one
// of the user: the name of that for sub, with "-Issuer" behind it, if that is free.
func WithIssuer(headers map[string]string) map[string]string {
	more := maps.Clone(headers)
	if _, named := headers["iss"]; named || !showIdentity(headers) {
		return more
	}
	taken := map[string]bool{}
	for _, name := range headers {
		taken[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range []string{headers["sub"] + "-Issuer", "X-User-Issuer", "X-Identity-Issuer"} {
		name = http.CanonicalHeaderKey(name)
		if more["iss"] = name; mayCarryIdentity(name) && !taken[name] {
			break
		}
	}
	return more
}
