package handshake

// Error is what is wrong with a handshake, before anything is asked of
// anybody. It holds nothing of the request.
type Error struct{ text, reason string }

// Error says what is wrong.
func (e *Error) Error() string { return e.text }

// Reason names it in one word for logs and metrics.
func (e *Error) Reason() string { return e.reason }

// Of the shape of the request.
var (
	ErrMethod      error = &Error{"method is not GET", "handshake"}
	ErrHTTPVersion error = &Error{"not HTTP/1", "handshake"}
	ErrUpgrade     error = &Error{"no upgrade to websocket over HTTP/1.1", "handshake"}
	ErrVersion     error = &Error{"not version 13 of the protocol", "handshake"}
	ErrMalformed   error = &Error{"malformed handshake", "handshake"}
	ErrSubprotocol error = &Error{"no subprotocol in common", "subprotocol"}
)

// Of the credential.
var (
	ErrQuery error = &Error{"ambiguous query", "query"}
	// ErrAuthorization: the header is there and is not "scheme credentials".
	ErrAuthorization error = &Error{"malformed authorization", "authorization"}
	// ErrCookie: the session cookie is there and has no value, or a quoted one.
	ErrCookie          error = &Error{"malformed session cookie", "cookie"}
	ErrCredentialInURL error = &Error{"bearer in the URL", "credential_in_url"}
	ErrTwoCredentials  error = &Error{"more than one credential", "two_credentials"}
	ErrNoCredential    error = &Error{"no credential", "missing_credential"}
	// ErrClosedDoor: there is a credential, where none is accepted.
	ErrClosedDoor error = &Error{"credential at a closed door", "closed_door"}
)
