package auth

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"wsticket/ticket"
)

// The headers that an application gets beside those that are configured.
const (
	headerID        = "X-Wsticket-Id"
	headerExpires   = "X-Wsticket-Expires"
	headerAssertion = "X-Wsticket-Assertion"
)

// Forwarder tells an application who is there: by headers, and where it has a
// key by an assertion that the application can verify. It is safe for
// concurrent use.
type Forwarder struct {
	headers   map[string]string // canonical header by claim
	names     []string
	assertion *assertion // nil without a key; a pointer, so that fmt shows no key
	now       func() time.Time
}

// forwardFault is why an identity cannot be told, in one word for logs. The
// connection must then not be opened.
type forwardFault string

const (
	// identityTooLarge: a header would be longer than those of a request may
	// be. Cut off it would say something else.
	identityTooLarge forwardFault = "identity_too_large"
	// identityEmpty: a grant of nobody.
	identityEmpty forwardFault = "identity_empty"
)

// Error names the fault.
func (f forwardFault) Error() string { return "forward identity: " + string(f) }

// Reason names the fault for [ticket.Reason].
func (f forwardFault) Reason() string { return string(f) }

// NewForwarder returns a Forwarder, or an error that lists every fault of o,
// also those of the key file.
func NewForwarder(o ForwarderOptions) (*Forwarder, error) {
	f := &Forwarder{headers: make(map[string]string), now: o.Now}
	if f.now == nil {
		f.now = time.Now
	}
	for claim, name := range o.Headers {
		f.headers[claim] = http.CanonicalHeaderKey(name)
	}
	f.names = append(slices.Collect(maps.Values(f.headers)), headerID, headerExpires, headerAssertion)
	slices.Sort(f.names)
	var err error
	if o.AssertionKeyFile != "" {
		f.assertion, err = newAssertion(o)
	}
	if err := errors.Join(o.Validate(), err); err != nil {
		return nil, err
	}
	return f, nil
}

// Names returns the canonical names of all headers that speak of identity.
// Whatever a client sends under one of them, in dash and underscore forms, has
// to be removed before [Forwarder.Headers] are set, also where the latter has
// no assertion. The caller owns the list.
func (f *Forwarder) Names() []string { return slices.Clone(f.names) }

// Headers returns every configured header, with an empty value where the
// identity has no such claim, X-Wsticket-Id with the connection's ID,
// X-Wsticket-Expires with the time at which it ends (RFC 3339, UTC), and where
// there is a key X-Wsticket-Assertion. Values are printable ASCII; see
// docs/identity.md for what is escaped. The caller owns the header.
//
// An error means that the identity cannot be told in headers, so that the
// connection must not be opened; its [ticket.Reason] is identity_too_large or
// identity_empty.
func (f *Forwarder) Headers(grant ticket.Grant) (http.Header, error) {
	if grant.ID == "" || grant.Identity.Subject == "" || grant.Identity.Issuer == "" {
		return nil, identityEmpty
	}
	header := make(http.Header, len(f.names))
	for claim, name := range f.headers {
		value, err := headerValue(claimOf(grant, claim))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		header[name] = []string{value}
	}
	header[headerID] = []string{string(grant.ID)}
	header[headerExpires] = []string{grant.ConnectionExpiresAt.UTC().Format(time.RFC3339)}
	if f.assertion == nil {
		return header, nil
	}
	signed, err := f.assertion.sign(grant, f.now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", headerAssertion, err)
	}
	header[headerAssertion] = []string{signed}
	return header, nil
}

// KeySet returns the JWK set (RFC 7517) of the public keys that assertions may
// be signed with, nil where none are. The caller owns it.
func (f *Forwarder) KeySet() []byte {
	if f.assertion == nil {
		return nil
	}
	return slices.Clone(f.assertion.keySet)
}

// claimOf returns what a grant says under a claim's name. What the connection
// may do is the ticket's to say, which may be less than the bearer's; who it
// is, the identity's. The five names here cannot be taken by other claims.
func claimOf(grant ticket.Grant, name string) any {
	switch name {
	case "sub":
		return grant.Identity.Subject
	case "iss":
		return grant.Identity.Issuer
	case "sid":
		return grant.Identity.SessionID
	case "scope":
		return grant.Scope
	case "aud":
		return grant.Audience
	default:
		return grant.Identity.Claims[name]
	}
}
