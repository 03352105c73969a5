// Package problem writes error responses as application/problem+json (RFC 9457).
// All texts are fixed, so that nothing of a request, an error or a library gets
// into a response (ASVS 16.5.1).
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Problem is one kind of error response. Clients act on Code; Title is for people.
// Problems are comparable.
type Problem struct {
	Status int
	Code   string
	Title  string
}

// All problems. Codes and titles are part of the wire
// contract: testdata/vectors/errors.json holds them for all clients.
var (
	// InvalidRequest: the request is malformed, and sending it again will not
	// help.
	InvalidRequest = Problem{http.StatusBadRequest, "invalid_request", "The request is malformed"}
	// CredentialInURL: a long-lived credential is in the URL, which logs and
	// histories keep (RFC 6750 5.3).
	CredentialInURL = Problem{http.StatusBadRequest, "credential_in_url", "Credentials are not accepted in the URL"}
	// MissingCredential: there is no credential.
	MissingCredential = Problem{http.StatusUnauthorized, "missing_credential", "A credential is required"}
	// InvalidToken: the long-lived credential was not accepted (RFC 6750 3.1).
	InvalidToken = Problem{http.StatusUnauthorized, "invalid_token", "The bearer token was not accepted"}
	// InsufficientScope: the credential is valid, but not for this (RFC 6750 3.1).
	InsufficientScope = Problem{http.StatusForbidden, "insufficient_scope", "The bearer token does not permit this"}
	// OriginNotAllowed: the request comes from a page of an origin that is not
	// allowed.
	OriginNotAllowed = Problem{http.StatusForbidden, "origin_not_allowed", "This origin is not allowed"}
	// HostNotAllowed: the Host header names another server (RFC 9110 15.5.20).
	HostNotAllowed = Problem{http.StatusMisdirectedRequest, "host_not_allowed", "This host is not served here"}
	// InvalidTicket: the ticket was not accepted. Malformed, unknown, expired,
	// spent and mis-bound tickets all look the same to the client.
	InvalidTicket = Problem{http.StatusUnauthorized, "invalid_ticket", "The ticket was not accepted"}
	// RateLimited: too many requests. Retry-After says when to retry.
	RateLimited = Problem{http.StatusTooManyRequests, "rate_limited", "Too many requests"}
	// TooLarge: the body is larger than the limit.
	TooLarge = Problem{http.StatusRequestEntityTooLarge, "too_large", "The request body is too large"}
	// UnsupportedMediaType: the body is not declared as JSON.
	UnsupportedMediaType = Problem{http.StatusUnsupportedMediaType, "unsupported_media_type", "The content type is not supported"}
	// NotFound: the resource does not exist, or the caller may not see it.
	NotFound = Problem{http.StatusNotFound, "not_found", "Not found"}
	// MethodNotAllowed: the header Allow lists the methods.
	MethodNotAllowed = Problem{http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed here"}
	// UpgradeRequired: the path only accepts WebSocket handshakes (RFC 9110
	// 15.5.22).
	UpgradeRequired = Problem{http.StatusUpgradeRequired, "upgrade_required", "A WebSocket handshake is required"}
	// UpstreamFailed: the application behind the service did not answer.
	UpstreamFailed = Problem{http.StatusBadGateway, "upstream_failed", "The application did not answer"}
	// Unavailable: the store or the source of keys did not answer. Retry-After says
	// when to retry.
	Unavailable = Problem{http.StatusServiceUnavailable, "unavailable", "The service is temporarily unavailable"}
	// Internal: the service has failed.
	Internal = Problem{http.StatusInternalServerError, "internal", "Internal error"}
)

// body is the wire format. The type is always about:blank (RFC 9457 4.2.1): the
// code says what a URI would say.
type body struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id,omitempty"`
}

// Write writes p as the response. Its request ID is the X-Request-Id that is
// already set in the header of the response. The caller sets WWW-Authenticate,
// Retry-After and Allow before it calls Write.
func Write(w http.ResponseWriter, p Problem) {
	h := w.Header()
	// A struct of strings and an int always encodes.
	text, _ := json.Marshal(body{
		Type: "about:blank", Title: p.Title, Status: p.Status, Code: p.Code,
		RequestID: h.Get("X-Request-Id"),
	})
	// A handler that failed halfway may have described its own body.
	h.Del("Content-Encoding")
	h.Del("ETag")
	h.Del("Location")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// An error means that the client is gone.
	_, _ = w.Write(text)
}
