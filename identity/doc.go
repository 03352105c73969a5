// Package identity shows an application who opened a connection. It turns the
// [ticket.Grant] of a redemption into HTTP headers, and on request into an
// assertion that the application can verify.
//
//	headers, _ := identity.HeaderPreset("x-auth-request")
//	forwarder, err := identity.New(identity.Options{Headers: headers})
//	…
//	header, err := forwarder.Headers(grant) // X-Auth-Request-User: alice, …
//
// # Headers
//
// Each configured header carries one claim, always: where the identity has no
// such claim the header is empty, so that one that a client sent cannot pass
// for ours. Before [Forwarder.Headers] are set, a program that forwards a request
// removes every header of [Forwarder.Names] from it. Values are printable ASCII
// in one form that can be undone without loss; docs/identity.md describes it.
//
// Where identities come from several issuers, one of the headers has to be for
// iss, or there has to be an assertion, which has orig_iss: the same sub is
// another user for each issuer. [New] refuses other Options if [Options].Issuers
// names them.
//
// # Assertion
//
// With a key file, X-Wsticket-Assertion carries a JWT that is signed for each
// connection and lives for 60 s. Its type, key and audience are its own, so
// that it never passes for a bearer, nor a bearer for it: give
// [Options].IssuerKey the keys of your issuers, none of which is then accepted
// for signing. [Forwarder.KeySet] is the JWK set (RFC 7517) to verify it with.
//
// # Errors
//
// An error of [Forwarder.Headers] means that the connection must not be opened.
// [ticket.Reason] returns identity_too_large or identity_empty for it. No error
// holds a private key or a claim.
package identity
