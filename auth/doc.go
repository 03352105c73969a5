// Package auth establishes who is calling. A [Verifier] turns a bearer, which
// is a JWT signed by one of the configured issuers, into a [ticket.Identity].
// [Sessions] do the same with a session cookie by asking the application, and a
// [Keyring] knows the API keys of other services.
//
//	verifier, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{{
//		Issuer: "https://id.example.com", Audience: []string{"ws"}, Discovery: true,
//	}}})
//	…
//	defer verifier.Close()
//	err = verifier.Start(ctx) // fetches the keys
//	…
//	identity, err := verifier.Authenticate(ctx, ticket.NewBearer(text))
//
// # What is checked
//
// The order is: size and alphabet, strict JSON, issuer, type and algorithm,
// key, signature, and only then the claims (RFC 8725 3). The key always comes
// from the configuration of the issuer that the token names; nothing in a
// token selects anything but a name in that issuer's own set. An algorithm goes
// with one type of key and one curve.
//
// Providers differ in where a token says for whom it is, who the user is and
// what kind of token it is. [IssuerOptions] has a Profile for the common ones.
//
// Of golang-jwt the package uses the signing methods and not the parser. The
// parser takes the last of two equal names, ignores crit, accepts line breaks
// in a segment and any salt length for PS256, and decodes all claims again
// before it looks at the signature.
//
// # Keys
//
// Keys come from a file or from Go code, both of which [New] reads, or from a
// URL that the operator configured, which [Verifier.Start] begins to fetch and
// refreshes; see [IssuerOptions].JWKSMaxAge. A bearer that the keys do not
// verify may be signed with a new one, and causes a refresh: at once if the last
// fetch is 20 s ago, else when it is. So a new key is found in less than 30 s,
// and strangers cause three fetches a minute, however many bearers they make up.
// A bearer waits for a fetch for at most 2 s, and no more than 1024 bearers of an
// issuer wait at a time; what is unknown then gets [ticket.ErrUnavailable].
// The last good set serves until it is too old; then the issuer's bearers get
// [ticket.ErrUnavailable].
//
// Of a set that comes from a URL each entry counts for itself. One that is
// private, symmetric, weak or malformed is left out and logged once, one that is
// meant for something else is ignored, and so is everything that is not needed:
// a byte order mark, other members, members that are null. A file is read the
// same way, but a wrong key in it is an error of [New]. [Verifier.KeyStates] and
// [Verifier.ProbeKeys] say what an issuer has.
//
// A fetch goes to https addresses on the public internet, without redirects
// and proxies, for at most 5 s and 1 MiB. The address is checked when it is
// dialed (OWASP ASVS 13.2.4, 13.2.5).
//
// # Sessions
//
// A session cookie that holds a JWT goes to [Verifier.Authenticate] like any
// other bearer. For every other cookie [Sessions] ask a URL of the operator's
// whose it is, with the cookie and nothing else, and remember an identity for
// 10 s. An answer that is neither an identity nor a clear refusal is
// [ticket.ErrUnavailable].
//
// # Errors
//
// [New], [NewSessions] and [NewKeyring] name every fault by its field, as a
// [ticket.OptionError]. None of them opens a socket.
//
// Each error of [Verifier.Authenticate] and [Sessions.Authenticate] wraps
// [ticket.ErrInvalidBearer] or [ticket.ErrUnavailable]. [ticket.Reason] returns
// one of [Reasons] for it. No error holds anything of the bearer.
package auth
