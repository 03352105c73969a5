package identity

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"wsticket/ticket"
)

// The headers that an application gets in addition to those that are
// configured.
const (
	headerID        = "X-Wsticket-Id"
	headerExpires   = "X-Wsticket-Expires"
	headerAssertion = "X-Wsticket-Assertion"
)

// Forwarder makes the headers that show an application who opened a
// connection. It is safe for concurrent use.
type Forwarder struct {
	headers   map[string]string // canonical header by claim
	names     []string
	assertion *assertion // nil without a key; a pointer, so that fmt shows no key
	now       func() time.Time
}

// forwardFault is why an identity cannot be put into headers, as one word for
// logs.
type forwardFault string

const (
	// identityTooLarge: a header would be longer than servers accept. It is not
	// truncated, because that would change its meaning.
	identityTooLarge forwardFault = "identity_too_large"
	// identityEmpty: the grant names no ticket, subject or issuer.
	identityEmpty forwardFault = "identity_empty"
)

// Error returns the fault.
func (f forwardFault) Error() string { return "forward identity: " + string(f) }

// Reason returns the fault for [ticket.Reason].
func (f forwardFault) Reason() string { return string(f) }

// New returns a Forwarder, or an error that joins a [ticket.OptionError] for
// each fault of o and of the key file, which it reads.
func New(o Options) (*Forwarder, error) {
	f := &Forwarder{headers: make(map[string]string), now: o.Now}
	if f.now == nil {
		f.now = time.Now
	}
	for claim, name := range o.Headers {
		f.headers[claim] = http.CanonicalHeaderKey(name)
	}
	f.names = append(slices.Collect(maps.Values(f.headers)), headerID, headerExpires, headerAssertion)
	slices.Sort(f.names)
	faults := ticket.OptionErrors{Package: "identity"}
	o.validate(&faults)
	if o.AssertionKeyFile != "" {
		var err error
		if f.assertion, err = newAssertion(o); err != nil {
			faults.Add("AssertionKeyFile", err)
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// Names returns the canonical names of all headers that carry identity,
// including X-Wsticket-Assertion even if there is no assertion. Before
// [Forwarder.Headers] are set on a request, every header that a client has sent
// under one of these names, with dashes or underscores, has to be removed from
// it. The caller owns the list.
func (f *Forwarder) Names() []string { return slices.Clone(f.names) }

// Headers returns every configured header, empty if the identity has no such
// claim, X-Wsticket-Id with the ticket's ID, X-Wsticket-Expires with the time at
// which the connection ends (RFC 3339, UTC), and if there is a key
// X-Wsticket-Assertion. Values are printable ASCII; docs/identity.md describes
// what is escaped. The caller owns the header.
//
// An error means that the connection must not be opened. Its [ticket.Reason] is
// identity_too_large or identity_empty.
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
// be signed with, nil if there is no key. The caller owns it.
func (f *Forwarder) KeySet() []byte {
	if f.assertion == nil {
		return nil
	}
	return slices.Clone(f.assertion.keySet)
}

// claimOf returns the value of a claim. Scope and audience are those of the
// ticket, which may allow less than the bearer; the rest is the identity's. A
// claim of the identity cannot replace one of the five that are named here.
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
