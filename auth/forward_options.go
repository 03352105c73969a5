package auth

import (
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ForwarderOptions say how an application learns who is there.
type ForwarderOptions struct {
	// Headers names the header for each claim: sub, iss, sid, scope (that of
	// the connection), aud (the endpoint), or a claim of the identity. Names
	// are letters, digits and dashes. See [HeaderPreset].
	Headers map[string]string

	// AssertionKeyFile holds one or two private keys in PEM (PKCS #8 or SEC
	// 1), ECDSA on P-256 or Ed25519. The first signs, both are published. It is
	// read once. Empty: there is no assertion.
	AssertionKeyFile string
	// AssertionAudience is the aud of the assertion: the application. Required
	// with AssertionKeyFile.
	AssertionAudience string
	// Issuer is the iss of the assertion: our public URL. Required with
	// AssertionKeyFile.
	Issuer string
	// Verifier knows the keys of the issuers, none of which may sign
	// assertions, or one signature might pass for the other. Keys behind a URL
	// are compared as far as they are there by now. Nil: not compared.
	Verifier *Verifier

	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// HeaderPreset returns the headers that applications expect behind the common
// authenticating proxies: x-auth-request and x-forwarded as oauth2-proxy sets
// them, remote as Authelia does. The caller owns the map.
func HeaderPreset(name string) (headers map[string]string, known bool) {
	prefix := map[string]string{"x-auth-request": "X-Auth-Request-", "x-forwarded": "X-Forwarded-", "remote": "Remote-"}[name]
	switch name {
	case "x-auth-request", "x-forwarded":
		return map[string]string{
			"sub": prefix + "User", "email": prefix + "Email", "groups": prefix + "Groups",
			"preferred_username": prefix + "Preferred-Username",
		}, true
	case "remote":
		return map[string]string{
			"sub": prefix + "User", "groups": prefix + "Groups", "name": prefix + "Name", "email": prefix + "Email",
		}, true
	default:
		return nil, false
	}
}

// Validate returns an error that lists the faults that can be seen without
// reading a file, or nil.
func (o ForwarderOptions) Validate() error {
	var f faults
	claims := make(map[string]string) // by canonical header
	for _, claim := range slices.Sorted(maps.Keys(o.Headers)) {
		name := http.CanonicalHeaderKey(o.Headers[claim])
		if claim == "" {
			f.add("identity.headers", "must not name an empty claim")
		}
		if !mayCarryIdentity(name) {
			f.add("identity.headers", "%s: must be a header of letters, digits and dashes that means nothing else (got %q)", claim, o.Headers[claim])
		}
		if other, taken := claims[name]; taken {
			f.add("identity.headers", "%s and %s are both in %s", other, claim, name)
		}
		claims[name] = claim
	}
	o.validateAssertion(&f)
	return errors.Join(f...)
}

func (o ForwarderOptions) validateAssertion(f *faults) {
	switch {
	case o.AssertionKeyFile == "" && o.AssertionAudience != "":
		f.add("identity.assertion_audience", "needs assertion_key_file")
	case o.AssertionKeyFile == "":
		return
	case !isShowable(o.AssertionAudience):
		f.add("identity.assertion_audience", "must be 1 to %d bytes without control characters (got %q)", maxText, o.AssertionAudience)
	}
	if o.AssertionKeyFile != "" && o.Issuer == "" {
		f.add("identity.assertion_key_file", "needs public.url, which is the issuer of assertions")
	}
}

// headerName has no underscore: to many programs it is the same as a dash.
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)

// mayCarryIdentity refuses the names of headers that belong to somebody else:
// to the connection (RFC 9110 7.6.1), to the browser, to credentials, to
// proxies, to the message, or to us.
func mayCarryIdentity(name string) bool {
	if len(name) > 64 || !headerName.MatchString(name) {
		return false
	}
	taken := []string{
		"Accept", "Authorization", "Connection", "Cookie", "Date", "Expect", "Forwarded", "Host", "Keep-Alive",
		"Max-Forwards", "Origin", "Range", "Referer", "Server", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Port",
		"X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Forwarded-Uri", "X-Real-Ip", "X-Request-Id",
	}
	prefixes := []string{
		"Accept-", "Access-Control-", "Content-", "If-", "Proxy-", "Sec-", "Set-Cookie", "X-Original-", "X-Wsticket-",
	}
	return !slices.Contains(taken, name) &&
		!slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
