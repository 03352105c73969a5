package auth

import "wsticket/ticket"

// refusal is why a bearer is not accepted. It wraps [ticket.ErrInvalidBearer].
// Its text is a fixed word, so that it can hold nothing of the bearer.
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
	// refusedAudience: for another service.
	refusedAudience refusal = "bearer_audience"
	// refusedSubject: names nobody, or in a form that cannot be shown safely.
	refusedSubject refusal = "bearer_subject"
	// refusedExpired: past its exp.
	refusedExpired refusal = "bearer_expired"
	// refusedNotYetValid: before its nbf, or issued in the future.
	refusedNotYetValid refusal = "bearer_not_yet_valid"
	// refusedLifetime: lives longer than its issuer may allow.
	refusedLifetime refusal = "bearer_lifetime"
	// refusedConstrained: valid only together with a proof of possession.
	refusedConstrained refusal = "bearer_bound"
	// refusedSession: the application does not vouch for the session cookie.
	refusedSession refusal = "session_refused"
)

// Error returns the refusal.
func (r refusal) Error() string { return "invalid bearer: " + string(r) }

// Reason returns the refusal for [ticket.Reason].
func (r refusal) Reason() string { return string(r) }

// Unwrap returns [ticket.ErrInvalidBearer].
func (r refusal) Unwrap() error { return ticket.ErrInvalidBearer }

// outage is why a bearer cannot be judged now: the keys, or the application's
// answer about a session, are missing. It wraps [ticket.ErrUnavailable].
type outage string

const (
	// keysUnavailable: the issuer has no keys, or none that are fresh enough.
	keysUnavailable outage = "keys_unavailable"
	// sessionUnreachable: no answer in time, or none at all.
	sessionUnreachable outage = "session_unreachable"
	// sessionStatus: neither 200 nor 401, so also each redirect.
	sessionStatus outage = "session_status"
	// sessionContent: not an answer of the expected form.
	sessionContent outage = "session_content"
	// sessionBusy: too many lookups are under way.
	sessionBusy outage = "session_busy"
	// sessionBusyAddress: so are too many of one client address, or its network.
	sessionBusyAddress outage = "session_busy_per_address"
)

// Error returns the outage.
func (o outage) Error() string { return "unavailable: " + string(o) }

// Reason returns the outage for [ticket.Reason].
func (o outage) Reason() string { return string(o) }

// Unwrap returns [ticket.ErrUnavailable].
func (o outage) Unwrap() error { return ticket.ErrUnavailable }

// Reasons returns every word that [ticket.Reason] may return for an error of
// [Verifier.Authenticate] and [Sessions.Authenticate], for example as values of
// a metric's label. The caller owns the list.
func Reasons() []string {
	return []string{
		string(keysUnavailable), string(sessionUnreachable), string(sessionStatus), string(sessionContent),
		string(sessionBusy), string(sessionBusyAddress),
		string(refusedMalformed), string(refusedHeader), string(refusedIssuer), string(refusedType),
		string(refusedAlgorithm), string(refusedKeyUnknown), string(refusedKeyAmbiguous), string(refusedSignature),
		string(refusedClaims), string(refusedAudience), string(refusedSubject), string(refusedExpired),
		string(refusedNotYetValid), string(refusedLifetime), string(refusedConstrained), string(refusedSession),
	}
}
