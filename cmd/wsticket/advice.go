package main

import (
	"log/slog"
	"slices"
	"strings"

	"wsticket/ticket"
)

// bearerAdvice says what to do about each reason for which a bearer is refused.
var bearerAdvice = map[string]string{
	"bearer_malformed":     "This is not a JWT in three parts. An opaque token or an encrypted one (five parts) is not for us to read: ask the provider for a JWT for your API, which often needs an audience in the request.",
	"bearer_header":        "This header member changes how a token is to be read, or brings its own key. No setting allows it; the issuer must not set it.",
	"bearer_issuer":        "The claim iss is another issuer. Copy it exactly, or add an issuer for it.",
	"bearer_type":          "The header typ is none that this issuer's setting accepts. If its access tokens have this typ, write it there.",
	"bearer_algorithm":     "The issuer does not allow this signature algorithm, or the key is for another one. Add it to the algorithms if the provider means to sign with it.",
	"bearer_key_unknown":   "The issuer has no key with this kid. The token is from another environment or tenant, the key is gone, or the keys come from the wrong place.",
	"bearer_key_ambiguous": "Several keys would fit and the token does not say which. Have the provider set kid, or leave one key in the file.",
	"bearer_signature":     "The key did not sign this token. The token was changed or cut, or the keys are those of another environment.",
	"bearer_claims":        "This claim is missing, misspelled or of the wrong type. Dates are numbers of seconds; iat and exp are required.",
	"bearer_audience":      "The token is for another service. Ask the provider for a token for this API, or add the name to the setting if the token is meant for it.",
	"bearer_subject":       "The claim that names the user is missing, no text, longer than 255 bytes or has control characters. Name another claim if the provider has the user there.",
	"bearer_expired":       "The token has expired. Get a new one; there is no leeway for exp.",
	"bearer_not_yet_valid": "The token is from the future: the clocks differ. Set the clock of this machine; the leeway may be up to 30s.",
	"bearer_lifetime":      "The token lives longer than its issuer may allow here. Shorten it at the provider, or allow more.",
	"bearer_bound":         "The token is bound to a key (DPoP or mTLS), which must be shown with it. Have the provider issue one without cnf for this API.",
	"keys_unavailable":     "The keys of the issuer could not be fetched, so nothing can be said about the signature. Check the URL, and that this machine reaches it.",
}

// malformedAdvice says more about a bearer that cannot be read, by the value that
// did not fit.
var malformedAdvice = map[string]string{
	"bytes": "The token is longer than a bearer may be. Ask the provider to put less into it: the usual cause is a list of groups.",
	"fault": "This part of the token cannot be read, or not in one way only. Copy the token again, whole. If it is the same again, the issuer makes JSON that programs read differently.",
}

// advice returns the sentence for a reason, and for values that differ in a way
// that is easily overlooked.
func advice(reason string, refused error, setting string) string {
	text := bearerAdvice[reason]
	attrs := ticket.AttrsOf(refused)
	if n := slices.IndexFunc(attrs, func(a slog.Attr) bool { return malformedAdvice[a.Key] != "" }); n >= 0 && reason == "bearer_malformed" {
		return malformedAdvice[attrs[n].Key]
	}
	switch {
	case reason == "bearer_type" && setting == "":
		return "The token says that it is not an access token. Send the access token; no setting accepts another kind."
	case strings.HasSuffix(setting, ".profile"):
		return "All access tokens of this provider say what is expected here. docs/identity-providers.md has the token to send."
	case reason == "bearer_issuer" && differBySlash(attrs):
		return "The two differ only by the slash at the end. Write the setting as the token has it."
	}
	return text
}

// differBySlash reports whether the issuer and an expected one are the same but
// for a slash at the end.
func differBySlash(attrs []slog.Attr) bool {
	var found string
	var expected []string
	for _, a := range attrs {
		if a.Key == "issuer" {
			found = a.Value.String()
		} else if list, ok := a.Value.Any().([]string); ok {
			expected = list
		}
	}
	return slices.ContainsFunc(expected, func(e string) bool {
		return found != e && strings.TrimSuffix(found, "/") == strings.TrimSuffix(e, "/")
	})
}
