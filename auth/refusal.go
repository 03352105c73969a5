package auth

import "wsticket/ticket"

// refusal is why a bearer was not accepted. It wraps [ticket.ErrInvalidBearer],
// and its text is one of few fixed words, so that it can hold nothing of the
// bearer.
type refusal string

const (
	// refusedMalformed: not three segments of base64url with strict JSON.
	refusedMalformed refusal = "bearer_malformed"
	// refusedHeader: a header that changes how a token is to be read.
	refusedHeader refusal = "bearer_header"
	// refusedIssuer: no issuer of this name is configured.
	refusedIssuer refusal = "bearer_issuer"
	// refusedType: an ID token, a logout token, a proof, not an access token.
	refusedType refusal = "bearer_type"
	// refusedAlgorithm: not allowed for the issuer, or not for this key.
	refusedAlgorithm refusal = "bearer_algorithm"
	// refusedKeyUnknown: the issuer has no key of this name.
	refusedKeyUnknown refusal = "bearer_key_unknown"
	// refusedKeyAmbiguous: no name, and more than one key would fit.
	refusedKeyAmbiguous refusal = "bearer_key_ambiguous"
	// refusedSignature: not signed by the key that it names.
	refusedSignature refusal = "bearer_signature"
	// refusedClaims: a claim is missing, of the wrong type or not sane.
	refusedClaims refusal = "bearer_claims"
	// refusedAudience: for somebody else.
	refusedAudience refusal = "bearer_audience"
	// refusedSubject: names nobody, or in a way that cannot be shown safely.
	refusedSubject refusal = "bearer_subject"
	// refusedExpired: past its exp.
	refusedExpired refusal = "bearer_expired"
	// refusedNotYetValid: before its nbf, or issued in the future.
	refusedNotYetValid refusal = "bearer_not_yet_valid"
	// refusedLifetime: lives longer than the issuer may make it live.
	refusedLifetime refusal = "bearer_lifetime"
	// refusedBound: only good with a proof of possession, which a bearer is not.
	refusedBound refusal = "bearer_bound"
	// refusedSession: the application does not vouch for the session cookie.
	refusedSession refusal = "session_refused"
)

// Error names the refusal.
func (r refusal) Error() string { return "invalid bearer: " + string(r) }

// Reason names the refusal for [ticket.Reason].
func (r refusal) Reason() string { return string(r) }

// Unwrap returns [ticket.ErrInvalidBearer].
func (r refusal) Unwrap() error { return ticket.ErrInvalidBearer }

// outage says that the keys, or the application's word for a session, cannot
// be had, so that nothing can be concluded. It wraps [ticket.ErrUnavailable].
type outage string

const (
	keysUnavailable outage = "keys_unavailable"
	// sessionUnreachable: no answer in time, or none at all.
	sessionUnreachable outage = "session_unreachable"
	// sessionStatus: neither 200 nor 401, so also each redirect.
	sessionStatus outage = "session_status"
	// sessionContent: not the answer that it should be.
	sessionContent outage = "session_content"
	// sessionBusy: too many lookups are under way.
	sessionBusy outage = "session_busy"
)

// Error names the outage.
func (o outage) Error() string { return "unavailable: " + string(o) }

// Reason names the outage for [ticket.Reason].
func (o outage) Reason() string { return string(o) }

// Unwrap returns [ticket.ErrUnavailable].
func (o outage) Unwrap() error { return ticket.ErrUnavailable }

// Reasons lists every word that [ticket.Reason] may return for an error of
// [Verifier.Authenticate] and [Sessions.Authenticate], for whoever wants to know the values of a metric's
// label beforehand.
func Reasons() []string {
	var words []string
	for _, o := range []outage{
		keysUnavailable, sessionUnreachable, sessionStatus, sessionContent, sessionBusy,
	} {
		words = append(words, string(o))
	}
	for _, r := range []refusal{
		refusedMalformed, refusedHeader, refusedIssuer, refusedType, refusedAlgorithm,
		refusedKeyUnknown, refusedKeyAmbiguous, refusedSignature, refusedClaims,
		refusedAudience, refusedSubject, refusedExpired, refusedNotYetValid,
		refusedLifetime, refusedBound, refusedSession,
	} {
		words = append(words, string(r))
	}
	return words
}
