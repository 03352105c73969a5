// Package problem writes error responses as application/problem+json (RFC 9457).
// All texts are fixed, also those of the detail, so that nothing of a request, an
// error or a library gets into a response (ASVS 16.5.1).
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
	// Detail says what is wrong with this request, in words of ours. It may be
	// empty.
	Detail string
}

// All problems. Codes and titles are part of the wire contract:
// testdata/vectors/errors.json holds them for all clients.
var (
	// InvalidRequest: the request is malformed, and sending it again will not
	// help.
	InvalidRequest = Problem{Status: http.StatusBadRequest, Code: "invalid_request", Title: "The request is malformed"}
	// CredentialInURL: a long-lived credential is in the URL, which logs and
	// histories keep (RFC 6750 5.3).
	CredentialInURL = Problem{Status: http.StatusBadRequest, Code: "credential_in_url", Title: "Credentials are not accepted in the URL"}
	// MissingCredential: there is no credential.
	MissingCredential = Problem{Status: http.StatusUnauthorized, Code: "missing_credential", Title: "A credential is required"}
	// InvalidToken: the long-lived credential was not accepted (RFC 6750 3.1).
	InvalidToken = Problem{Status: http.StatusUnauthorized, Code: "invalid_token", Title: "The bearer token was not accepted"}
	// InsufficientScope: the credential is valid, but not for this (RFC 6750 3.1).
	InsufficientScope = Problem{Status: http.StatusForbidden, Code: "insufficient_scope", Title: "The bearer token does not permit this"}
	// OriginNotAllowed: the request comes from a page of an origin that is not
	// allowed.
	OriginNotAllowed = Problem{Status: http.StatusForbidden, Code: "origin_not_allowed", Title: "This origin is not allowed"}
	// HostNotAllowed: the Host header names another server (RFC 9110 15.5.20).
	HostNotAllowed = Problem{Status: http.StatusMisdirectedRequest, Code: "host_not_allowed", Title: "This host is not served here"}
	// InvalidTicket: the ticket was not accepted. Malformed, unknown, expired,
	// spent and mis-bound tickets all look the same to the client.
	InvalidTicket = Problem{Status: http.StatusUnauthorized, Code: "invalid_ticket", Title: "The ticket was not accepted"}
	// RateLimited: too many requests. Retry-After says when to retry.
	RateLimited = Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", Title: "Too many requests"}
	// TooLarge: the body is larger than the limit.
	TooLarge = Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Title: "The request body is too large"}
	// UnsupportedMediaType: the body is not declared as JSON.
	UnsupportedMediaType = Problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Title: "The content type is not supported"}
	// NotFound: the resource does not exist, or the caller may not see it.
	NotFound = Problem{Status: http.StatusNotFound, Code: "not_found", Title: "Not found"}
	// MethodNotAllowed: the header Allow lists the methods.
	MethodNotAllowed = Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Title: "The method is not allowed here"}
	// UpgradeRequired: the path only accepts WebSocket handshakes (RFC 9110
	// 15.5.22).
	UpgradeRequired = Problem{Status: http.StatusUpgradeRequired, Code: "upgrade_required", Title: "A WebSocket handshake is required"}
	// UpstreamFailed: the application behind the service did not answer.
	UpstreamFailed = Problem{Status: http.StatusBadGateway, Code: "upstream_failed", Title: "The application did not answer"}
	// Unavailable: the store or the source of keys did not answer. Retry-After says
	// when to retry.
	Unavailable = Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The service is temporarily unavailable"}
	// Internal: the service has failed.
	Internal = Problem{Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error"}
)

// body is the wire format. The type is always about:blank (RFC 9457 4.2.1): the
// code says what a URI would say.
type body struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// Write writes p as the response. Its request ID is the X-Request-Id that is
// already set in the header of the response. The caller sets WWW-Authenticate,
// Retry-After and Allow before it calls Write.
func Write(w http.ResponseWriter, p Problem) {
	h := w.Header()
	// A struct of strings and an int always encodes.
	text, _ := json.Marshal(body{
		Type: "about:blank", Title: p.Title, Status: p.Status, Code: p.Code, Detail: p.Detail,
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
