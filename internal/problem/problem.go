// Package problem writes error answers as application/problem+json
// (RFC 9457). Every text is fixed: there is no way to put anything of a
// request, an error or a library into an answer (ASVS 16.5.1).
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Problem is one kind of error answer. Clients act on Code; Title is for the
// person who reads the answer. Problems are comparable.
type Problem struct {
	Status int
	Code   string
	Title  string
}

// The problems that there are. Codes and titles are part of the wire
// contract: testdata/vectors/errors.json holds them for all clients.
//
//nolint:gochecknoglobals // Values that nobody assigns; Go has no constants of a struct type.
var (
	// InvalidRequest: the request is of a wrong shape. Sending it again is
	// of no use.
	InvalidRequest = Problem{http.StatusBadRequest, "invalid_request", "The request is malformed"}
	// CredentialInURL: a long-lived credential came in the URL, where logs
	// and histories keep it (RFC 6750 5.3).
	CredentialInURL = Problem{http.StatusBadRequest, "credential_in_url", "Credentials are not accepted in the URL"}
	// MissingCredential: no credential came at all.
	MissingCredential = Problem{http.StatusUnauthorized, "missing_credential", "A credential is required"}
	// InvalidToken: the long-lived credential was not accepted (RFC 6750 3.1).
	InvalidToken = Problem{http.StatusUnauthorized, "invalid_token", "The bearer token was not accepted"}
	// InsufficientScope: the credential is good, but not for this (RFC 6750 3.1).
	InsufficientScope = Problem{http.StatusForbidden, "insufficient_scope", "The bearer token does not permit this"}
	// OriginNotAllowed: the request came from a page of another origin.
	OriginNotAllowed = Problem{http.StatusForbidden, "origin_not_allowed", "This origin is not allowed"}
	// HostNotAllowed: the Host header names somebody else (RFC 9110 15.5.20).
	HostNotAllowed = Problem{http.StatusMisdirectedRequest, "host_not_allowed", "This host is not served here"}
	// InvalidTicket: the ticket was not accepted. Malformed, unknown, expired,
	// spent and mis-bound are the same to whoever presents it.
	InvalidTicket = Problem{http.StatusUnauthorized, "invalid_ticket", "The ticket was not accepted"}
	// RateLimited: too many requests; Retry-After says when to come again.
	RateLimited = Problem{http.StatusTooManyRequests, "rate_limited", "Too many requests"}
	// TooLarge: the body is larger than any that is accepted.
	TooLarge = Problem{http.StatusRequestEntityTooLarge, "too_large", "The request body is too large"}
	// UnsupportedMediaType: the body is not the JSON that is expected.
	UnsupportedMediaType = Problem{http.StatusUnsupportedMediaType, "unsupported_media_type", "The content type is not supported"}
	// NotFound: no such thing, or none that the caller may see.
	NotFound = Problem{http.StatusNotFound, "not_found", "Not found"}
	// MethodNotAllowed: Allow says which methods there are.
	MethodNotAllowed = Problem{http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed here"}
	// UpgradeRequired: the path is a WebSocket's (RFC 9110 15.5.22).
	UpgradeRequired = Problem{http.StatusUpgradeRequired, "upgrade_required", "A WebSocket handshake is required"}
	// UpstreamFailed: the application behind the service did not answer.
	UpstreamFailed = Problem{http.StatusBadGateway, "upstream_failed", "The application did not answer"}
	// Unavailable: the store or the keys do not answer; Retry-After says when
	// to come again.
	Unavailable = Problem{http.StatusServiceUnavailable, "unavailable", "The service is temporarily unavailable"}
	// Internal: a fault of the service.
	Internal = Problem{http.StatusInternalServerError, "internal", "Internal error"}
)

// body is the wire form. The type is always about:blank: the code says what
// a URI would say, and nobody has to resolve it (RFC 9457 4.2.1).
type body struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id,omitempty"`
}

// Write answers a request with p. The request ID is the X-Request-Id that
// stands in the header of the answer already. WWW-Authenticate, Retry-After
// and Allow are for the caller to set before.
func Write(w http.ResponseWriter, p Problem) {
	h := w.Header()
	// A struct of strings and an int always encodes.
	text, _ := json.Marshal(body{
		Type: "about:blank", Title: p.Title, Status: p.Status, Code: p.Code,
		RequestID: h.Get("X-Request-Id"),
	})
	// What a handler that failed half-way said about its own body.
	h.Del("Content-Encoding")
	h.Del("ETag")
	h.Del("Location")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// The peer may be gone; there is nobody left to tell.
	_, _ = w.Write(text)
}
