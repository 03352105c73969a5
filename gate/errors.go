package gate

import (
	"errors"
	"fmt"
	"time"
)

// Error is the error of a handshake that is refused before its credential is
// verified. It contains nothing of the request.
type Error struct{ text, reason string }

// Error says what is wrong.
func (e *Error) Error() string { return e.text }

// Reason returns the word for logs and metrics; see [ticket.Reason].
func (e *Error) Reason() string { return e.reason }

// The shape of the handshake (RFC 6455 4.2.1).
var (
	ErrMethod      error = &Error{"method is not GET", "handshake"}
	ErrHTTPVersion error = &Error{"not HTTP/1", "handshake"}
	ErrUpgrade     error = &Error{"no upgrade to websocket over HTTP/1.1", "handshake"}
	ErrVersion     error = &Error{"not version 13 of the protocol", "handshake"}
	ErrMalformed   error = &Error{"malformed handshake", "handshake"}
	ErrSubprotocol error = &Error{"no subprotocol in common", "subprotocol"}
)

// The endpoint of the handshake, and its origin: host, page and client.
var (
	// ErrPath: the path is that of no audience, or could be read as that of
	// another one.
	ErrPath   error = &Error{"no audience has this path", "no_audience"}
	ErrHost   error = &Error{"host is not served", "host_not_allowed"}
	ErrOrigin error = &Error{"origin is not allowed", "origin_not_allowed"}
	// ErrLimited is what a [*LimitError] wraps.
	ErrLimited error = &Error{"too many requests", "rate_limited"}
)

// The credential.
var (
	// ErrQuery: the query can be read in more than one way.
	ErrQuery error = &Error{"ambiguous query", "query"}
	// ErrAuthorization: the header is not "scheme credentials".
	ErrAuthorization error = &Error{"malformed authorization", "authorization"}
	// ErrCookie: the value of the session cookie is not made of cookie-octets,
	// or one of its chunks is missing.
	ErrCookie error = &Error{"malformed session cookie", "session_malformed"}
	// ErrCookieAmbiguous: the session cookie has two values. A page of a sibling
	// domain can add one, so none of them is believed.
	ErrCookieAmbiguous error = &Error{"ambiguous session cookie", "session_ambiguous"}
	// ErrCredentialInURL: a JWT in the query, or a parameter with the name of a
	// bearer.
	ErrCredentialInURL error = &Error{"bearer in the URL", "credential_in_url"}
	ErrTwoCredentials  error = &Error{"more than one credential", "two_credentials"}
	ErrNoCredential    error = &Error{"no credential", "missing_credential"}
	// ErrClosedDoor: a credential is at a door that is closed.
	ErrClosedDoor error = &Error{"credential at a closed door", "closed_door"}
)

// LimitError is an [ErrLimited] that says when a request would be accepted.
type LimitError struct {
	RetryAfter time.Duration
	// Events is how many there may be in each Per, 0 if that is not known.
	Events int
	Per    time.Duration
	// Name is that of the limit, such as "per_subject".
	Name string
}

// Error says what is wrong.
func (e *LimitError) Error() string { return ErrLimited.Error() }

// Unwrap returns [ErrLimited].
func (e *LimitError) Unwrap() error { return ErrLimited }

// header returns the RateLimit and RateLimit-Policy of a limit that is reached
// (draft-ietf-httpapi-ratelimit-headers-10).
func (e *LimitError) header() map[string]string {
	if e.Events == 0 || e.Name == "" {
		return nil
	}
	return map[string]string{
		"RateLimit-Policy": fmt.Sprintf("%q;q=%d;w=%d", e.Name, e.Events, seconds(e.Per)),
		"RateLimit":        fmt.Sprintf("%q;r=0;t=%d", e.Name, seconds(max(e.RetryAfter, time.Second))),
	}
}

// seconds rounds up: a client that retries too early is refused again.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// retryAfter returns when to retry according to err, else otherwise.
func retryAfter(err error, otherwise time.Duration) time.Duration {
	if limited, ok := errors.AsType[*LimitError](err); ok {
		return max(limited.RetryAfter, time.Second)
	}
	return otherwise
}
