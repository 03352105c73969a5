package identity

import (
	"crypto"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsticket/internal/printable"
	"wsticket/internal/proxyheader"
	"wsticket/ticket"
)

// Options are the settings of a [Forwarder].
type Options struct {
	// Headers names the header of each claim: sub, iss, sid, scope (that of
	// the connection), aud (the endpoint), or any claim of the identity. Header
	// names consist of letters, digits and dashes. See [HeaderPreset]. Default:
	// none but X-Wsticket-Id and X-Wsticket-Expires, which are always set.
	Headers map[string]string
	// Issuers are the values of iss that identities may have: those whose bearers
	// are accepted, and the origin of a lookup of sessions. Of two or more, New
	// requires iss in Headers or an assertion, because the same sub is another
	// user for each; see [AmbiguousError]. Default: there is one.
	Issuers []string

	// AssertionKeyFile holds one or two private keys in PEM (PKCS #8 or SEC
	// 1), ECDSA on P-256 or Ed25519. The first signs, both are published. New
	// reads it, once. Default: there is no assertion.
	AssertionKeyFile string
	// AssertionAudience is the aud of the assertion, which names the
	// application. Required with AssertionKeyFile.
	AssertionAudience string
	// Issuer is the iss of the assertion, the public URL of this service.
	// Required with AssertionKeyFile.
	Issuer string
	// IssuerKey reports whether bearers are verified with a key, as
	// auth.Verifier.HasKey does. New refuses to sign assertions with such a
	// key: an assertion might be taken for a bearer, and a bearer for an
	// assertion. Default: keys are not compared.
	IssuerKey func(crypto.PublicKey) bool

	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// HeaderPreset returns the headers that applications expect behind common
// authenticating proxies: "x-auth-request" and "x-forwarded" as oauth2-proxy
// sets them, "remote" as Authelia does. The caller owns the map.
func HeaderPreset(name string) (headers map[string]string, known bool) {
	headers, known = presets[name]
	return maps.Clone(headers), known
}

// presets are the headers by claim, by the name of the preset.
var presets = map[string]map[string]string{
	"x-auth-request": {
		"sub": "X-Auth-Request-User", "email": "X-Auth-Request-Email", "groups": "X-Auth-Request-Groups",
		"preferred_username": "X-Auth-Request-Preferred-Username",
	},
	"x-forwarded": {
		"sub": "X-Forwarded-User", "email": "X-Forwarded-Email", "groups": "X-Forwarded-Groups",
		"preferred_username": "X-Forwarded-Preferred-Username",
	},
	"remote": {
		"sub": "Remote-User", "groups": "Remote-Groups", "name": "Remote-Name", "email": "Remote-Email",
	},
}

// validate adds the faults that can be seen without reading the key file.
func (o Options) validate(f *ticket.OptionErrors) {
	claims := make(map[string]string) // by canonical header
	for _, claim := range slices.Sorted(maps.Keys(o.Headers)) {
		name := http.CanonicalHeaderKey(o.Headers[claim])
		f.Check(claim != "", "Headers", "must not name an empty claim")
		f.Check(mayCarryIdentity(name), "Headers",
			"%s: must be a header of letters, digits and dashes that means nothing else (got %q)", claim, o.Headers[claim])
		other, taken := claims[name]
		f.Check(!taken, "Headers", "%s and %s are both in %s", other, claim, name)
		claims[name] = claim
	}
	if o.AssertionKeyFile == "" {
		f.Add("Headers", o.ambiguous())
		f.Check(o.AssertionAudience == "", "AssertionAudience", "needs an assertion key file")
		return
	}
	f.Check(printable.IsName(o.AssertionAudience), "AssertionAudience",
		"must be 1 to %d bytes without control characters (got %q)", printable.MaxName, o.AssertionAudience)
	f.Check(o.Issuer != "", "Issuer", "required with an assertion key file: the assertion names it as its issuer")
}

// headerName has no underscore, which many programs take for a dash.
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)

// Headers that belong to the connection (RFC 9110 7.6.1), to the browser, to
// credentials, to proxies, to the message, or to this module.
var (
	takenHeaders = []string{
		"Accept", "Authorization", "Connection", "Cookie", "Date", "Expect", "Host", "Keep-Alive",
		"Max-Forwards", "Origin", "Range", "Referer", "Server", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Port",
		"X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Forwarded-Uri", "X-Request-Id",
	}
	takenPrefixes = []string{
		"Accept-", "Access-Control-", "Content-", "If-", "Proxy-", "Sec-", "Set-Cookie", "X-Wsticket-",
	}
)

// mayCarryIdentity reports whether a header is free for a claim.
func mayCarryIdentity(name string) bool {
	const maxName = 64
	if proxyheader.Is(name) && !strings.HasPrefix(name, "X-Forwarded-") {
		return false
	}
	return len(name) <= maxName && headerName.MatchString(name) && !slices.Contains(takenHeaders, name) &&
		!slices.ContainsFunc(takenPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
