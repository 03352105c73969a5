// Package auth tells who is calling: it turns a bearer, a JWT signed by one
// of the configured issuers or a session cookie, into a [ticket.Identity], or
// refuses it. And it tells the application who is there.
//
//	verifier, err := auth.New(ctx, auth.Options{Issuers: []auth.IssuerOptions{{
//		Issuer: "https://id.example.com", Audience: []string{"ws"}, Discovery: true,
//	}}})
//	defer verifier.Close()
//	identity, err := verifier.Authenticate(ctx, ticket.NewBearer(text))
//
// # What is checked
//
// The order is: size and alphabet, strict JSON, issuer, type and algorithm,
// key, signature, and only then the claims (RFC 8725 3). The key always comes
// from the configuration of the issuer that the token names; nothing in a
// token selects anything but a name in that issuer's own set. An algorithm
// fits one type of key and one curve.
//
// Of golang-jwt the package uses the signing methods and not the parser. The
// parser takes the last of two equal names, ignores crit, accepts line breaks
// in a segment and any salt length for PS256, and decodes all claims again
// before it looks at the signature.
//
// # Keys
//
// Keys come from a file, from Go code, or from a URL that the operator
// configured. What comes from a URL is refreshed in the background every ten
// minutes. A token that names an unknown key asks for a refresh, at most every
// 30 seconds for an issuer, so that strangers cannot make this service flood
// it, and never waits for its turn. The last good set serves for at most an
// hour after it was fetched; then the issuer's bearers get
// [ticket.ErrUnavailable].
//
// A fetch goes to https addresses on the public internet, without redirects
// and proxies, for at most 5 s and 1 MiB. The address is checked when it is
// dialed (ASVS 13.2.4, 13.2.5).
//
// # Sessions
//
// A session cookie either holds a JWT, which is verified as above, or the
// application vouches for it: [Sessions] asks a URL of the operator's, with the
// cookie and nothing else, and remembers a yes for 10 s. Whatever is neither a
// yes nor a no is [ticket.ErrUnavailable].
//
// # Identity towards the application
//
// [Forwarder] puts an identity into the headers that applications expect, each
// value in one printable form, and into an assertion that is signed for each
// connection and that nothing else passes for: type, key and audience are its
// own.
//
// # Errors
//
// Each error of [Verifier.Authenticate] and [Sessions.Authenticate] wraps [ticket.ErrInvalidBearer] or
// [ticket.ErrUnavailable]. [ticket.Reason] names it by one of [Reasons]. No
// error holds anything of the bearer.
package auth
