package auth

import (
	"log/slog"
	"slices"
	"strings"

	"wsticket/ticket"
)

// AccessTokenType as the Type of an issuer accepts access tokens of RFC 9068 and
// nothing else. See [IssuerOptions].
const AccessTokenType = "at+jwt"

// plainType says that a token is a JWT (RFC 7519 5.1), which is no kind of it.
const plainType = "JWT"

// otherTypes are typ headers of tokens that are for something else. No issuer
// can be configured to have them taken for bearers.
var otherTypes = []string{
	LogoutTokenType,           // OpenID Connect Back-Channel Logout 1.0, 2.4
	SecurityEventType,         // RFC 8417 2.3
	"dpop+jwt",                // RFC 9449 4.2
	"oauth-authz-req+jwt",     // RFC 9101 10.8
	"token-introspection+jwt", // RFC 9701 5
	"client-authentication+jwt",
	"wsticket-assertion+jwt", // ours, towards the application
}

// isOtherType reports whether a typ is one of otherTypes, or names one of
// otherKinds, as in "refresh+jwt".
func isOtherType(typ string) bool {
	short := strings.ToLower(shortType(typ))
	return slices.Contains(otherTypes, short) || slices.Contains(otherKinds, kindOf(strings.TrimSuffix(short, "+jwt")))
}

// kindOf writes a kind as otherKinds and accessKinds have it: ID_Token, id-token
// and idToken are one.
func kindOf(text string) string { return kindSigns.Replace(strings.ToLower(text)) }

var kindSigns = strings.NewReplacer("_", "", "-", "", " ", "")

var (
	// foreignClaims mark a token that goes with another one: an ID token
	// (OpenID Connect Core 1.0, 3.1.3.6 and 3.3.2.11) or a security event
	// (RFC 8417), such as a logout token.
	foreignClaims = slices.Concat(eventClaims, []string{"at_hash", "c_hash", "s_hash"})
	eventClaims   = []string{"events"}
	// kindClaims say what a token is where the typ header does not: typ in
	// Keycloak, token_use in Cognito, tokenName in PingAM, token_type and type in
	// frameworks.
	kindClaims = []string{"typ", "token_use", "tokenName", "token_type", "type"}
	// otherKinds and accessKinds are their values; see [kindOf].
	otherKinds = []string{
		"id", "idtoken", "refresh", "refreshtoken", "offline", "offlinetoken", "logout", "logouttoken",
		"initialaccesstoken", "registrationaccesstoken",
	}
	accessKinds = []string{"bearer", "access", "accesstoken"}
)

// types are the typ headers that bearers may have.
func (i *issuer) types() []string {
	if i.typ == "" {
		return []string{AccessTokenType, plainType, ""}
	}
	return []string{i.typ}
}

// checkType compares media types: case does not count, and "application/" may
// be left out (RFC 7515 4.1.9, RFC 9068 4).
func checkType(typ string, accepted []string) error {
	if slices.ContainsFunc(accepted, func(a string) bool { return strings.EqualFold(shortType(typ), a) }) {
		return nil
	}
	return ticket.WithAttrs(refusedType, slog.String("typ", typ), ticket.Expected(accepted...))
}

// shortType drops the part of a media type that JOSE drops.
func shortType(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ[len(prefix):]
	}
	return typ
}

// checkKind refuses a token whose claims say that it is another kind than an
// access token, whatever the configuration says about the typ header. A nonce
// is of an ID token (OpenID Connect Core 1.0, 2), unless the token says that it
// is an access token: some providers copy the nonce. Where ID tokens are the
// bearers, what only marks an ID token is no reason.
func (c claims) checkKind(typ string, idTokens bool) error {
	access := strings.EqualFold(shortType(typ), AccessTokenType)
	for _, name := range kindClaims {
		text, _ := c[name].(string)
		kind := kindOf(text)
		if slices.Contains(otherKinds, kind) {
			return ticket.WithAttrs(refusedType, slog.String("claim", name), slog.String("value", text))
		}
		access = access || slices.Contains(accessKinds, kind)
	}
	foreign := foreignClaims
	if idTokens {
		foreign = eventClaims
	}
	for _, name := range foreign {
		if _, present := c[name]; present {
			return ticket.WithAttrs(refusedType, slog.String("claim", name))
		}
	}
	if _, present := c["nonce"]; present && !access && !idTokens {
		return ticket.WithAttrs(refusedType, slog.String("claim", "nonce"))
	}
	return nil
}

// rfc9068Claims are required of an access token (RFC 9068 2.2).
var rfc9068Claims = []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}

// checkRFC9068 requires what RFC 9068 requires, where the configuration does. That
// is an aud for this service (4), also where another claim is the audience.
func (i *issuer) checkRFC9068(c claims) error {
	if !strings.EqualFold(i.typ, AccessTokenType) {
		return nil
	}
	for _, name := range rfc9068Claims {
		if _, present := c[name]; !present {
			return wrongClaim(name)
		}
	}
	if _, err := c.text("client_id"); err != nil {
		return err
	}
	_, err := i.audienceIn(c, "aud")
	return err
}
