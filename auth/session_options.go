package auth

import (
	"crypto/x509"
	"errors"
	"net/url"
	"time"

	"wsticket/internal/handshake"
	"wsticket/internal/origin"
)

// DefaultLookupTimeout is how long an application may take to say whose
// session a cookie is.
const DefaultLookupTimeout = 2 * time.Second

// SessionOptions are the settings of a [Sessions]. Exactly one of Verifier and
// LookupURL says what the cookie is.
type SessionOptions struct {
	// Cookie is the name of the session cookie. Required.
	Cookie string
	// Verifier verifies the JWT that the cookie holds, by the same rules as
	// any other bearer.
	Verifier *Verifier
	// LookupURL is where the application tells whose session a cookie is. It
	// is asked by GET with the cookie and nothing else of the client, and
	// answers 200 with the identity as JSON, or 401. Its origin is the
	// identity's issuer. The URL is the operator's own: it may be of scheme
	// http and of a private address.
	LookupURL string
	// Timeout bounds a lookup as a whole. Default 2 s.
	Timeout time.Duration
	// CacheSize bounds how many sessions are remembered, each for 10 s at
	// most. Default 10 000; negative for none.
	CacheSize int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// RootCAs are those that may have signed the certificate of LookupURL.
	// Default: the system's.
	RootCAs *x509.CertPool
}

func (o SessionOptions) withDefaults() SessionOptions {
	if o.Timeout == 0 {
		o.Timeout = DefaultLookupTimeout
	}
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Validate returns an error that lists every fault, or nil.
func (o SessionOptions) Validate() error {
	var f faults
	if !handshake.IsToken(o.Cookie) {
		f.add("session.cookie", "must be the name of a cookie (got %q)", o.Cookie)
	}
	if (o.Verifier != nil) == (o.LookupURL != "") {
		f.add("session", "exactly one of jwt and lookup_url is required")
	}
	if o.LookupURL != "" {
		if _, err := lookupIssuer(o.LookupURL); err != nil {
			f.add("session.lookup_url", "%w (got %q)", err, withoutUser(o.LookupURL))
		}
	}
	if o.Timeout < 0 {
		f.add("session.timeout", "must be positive (got %s)", o.Timeout)
	}
	return errors.Join(f...)
}

// lookupIssuer checks the URL and returns its origin (RFC 6454 6.2), which is
// the issuer of the identities that come from there.
func lookupIssuer(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("must be an http or https URL")
	}
	if u.User != nil || u.Fragment != "" {
		return "", errors.New("must have neither user name nor fragment")
	}
	return origin.Canonical(u.Scheme + "://" + u.Host)
}
