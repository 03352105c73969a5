package auth

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"wsticket/internal/header"
	"wsticket/internal/maskurl"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

// DefaultLookupTimeout is how long an application may take to answer whose
// session a cookie is.
const DefaultLookupTimeout = 2 * time.Second

// SessionOptions are the settings of [Sessions].
type SessionOptions struct {
	// Cookie is the name of the session cookie. Required.
	Cookie string
	// LookupURL is where the application answers whose session a cookie is. It
	// is asked by GET with the session's cookies and nothing else of the client, and
	// answers 200 with the identity as JSON, or 401. Its origin is the
	// identity's issuer. The URL is the operator's own: its scheme may be http,
	// and its address a private one. Required.
	LookupURL string
	// Timeout bounds a lookup as a whole. Default 2 s.
	Timeout time.Duration
	// CacheSize bounds how many sessions are remembered, each for 10 s at
	// most. Default 10 000; negative for none.
	CacheSize int
	// TrustedProxies are those of gate.Options, and its ForwardAuthPeers: as the
	// address of a client, theirs may be that of many, and its share of the lookups
	// is half of all.
	TrustedProxies []netip.Prefix
	// KeepCookies puts the cookies into the identities, so that they can be given to
	// Recheck later.
	KeepCookies bool
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// RootCAs are the authorities for the certificate of LookupURL. Default:
	// those of the system.
	RootCAs *x509.CertPool
}

func (o SessionOptions) withDefaults() SessionOptions {
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
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

func (o SessionOptions) validate(f *ticket.OptionErrors) {
	f.Check(header.IsToken(o.Cookie), "Cookie", "must be the name of a cookie (got %q)", o.Cookie)
	_, err := lookupIssuer(o.LookupURL)
	f.Check(err == nil, "LookupURL", "%w (got %q)", err, maskurl.Hide(o.LookupURL))
	f.Check(allValid(o.TrustedProxies), "TrustedProxies", "must be valid prefixes")
	f.Check(o.Timeout >= 0, "Timeout", "must be positive (got %s)", o.Timeout)
}

// Issuer returns the issuer of the identities from LookupURL, empty if that is
// invalid.
func (o SessionOptions) Issuer() string {
	issuer, _ := lookupIssuer(o.LookupURL)
	return issuer
}

// lookupIssuer checks the URL and returns its origin (RFC 6454 6.2), which is
// the issuer of the identities from there.
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
