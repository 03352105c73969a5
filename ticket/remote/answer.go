package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"

	"wsticket/ticket"
)

// outage is why it is not known whether the ticket is good. It wraps
// [ticket.ErrUnavailable] and holds nothing of an answer.
type outage struct{ text, reason string }

// Error returns the text.
func (o *outage) Error() string { return o.text }

// Reason returns the word for [ticket.Reason].
func (o *outage) Reason() string { return o.reason }

// Unwrap returns [ticket.ErrUnavailable].
func (o *outage) Unwrap() error { return ticket.ErrUnavailable }

// ErrKeyRefused is the error if the service does not know the key (status 401),
// or the key has not the scope "consume" (403).
var ErrKeyRefused error = &outage{"the key is refused by the service", "remote_key_refused"}

var (
	errUnreachable error = &outage{"the service did not answer", "remote_unreachable"}
	errUnavailable error = &outage{"the service is not available", "remote_unavailable"}
	// errRejected: an audience that the service has not configured, a host
	// name that it does not answer to, or another version of it.
	errRejected error = &outage{"the service does not accept the request", "remote_request"}
	errAnswer   error = &outage{"the answer of the service is not understood", "remote_answer"}
)

// answer is that of POST /consume.
type answer struct {
	active                              bool
	id, issuer, subject, session        string
	audience, scope, connectionExpiryAt string
	claims                              map[string]any
}

// decode accepts the one form of answer that the service gives.
func decode(status int, contentType string, data []byte) (answer, error) {
	if err := statusError(status); err != nil {
		return answer{}, ticket.WithAttrs(fmt.Errorf("%w: status %d", err, status), slog.Int("remote_status", status))
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" || !utf8.Valid(data) {
		return answer{}, errAnswer
	}
	return decodeAnswer(data)
}

// statusError returns what any status but 200 means, nil for 200.
func statusError(status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrKeyRefused
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return errUnavailable
	case status >= http.StatusBadRequest:
		return errRejected
	default:
		return errAnswer
	}
}

// decodeAnswer compares names exactly and accepts each once: encoding/json takes
// the last of two, and ignores case.
func decodeAnswer(data []byte) (answer, error) {
	var a answer
	fields := map[string]any{
		"active": &a.active, "ticket_id": &a.id, "iss": &a.issuer, "sub": &a.subject, "sid": &a.session,
		"aud": &a.audience, "scope": &a.scope, "claims": &a.claims, "connection_expires_at": &a.connectionExpiryAt,
	}
	all := len(fields)
	in := json.NewDecoder(bytes.NewReader(data))
	if begin, err := in.Token(); err != nil || begin != json.Delim('{') {
		return answer{}, errAnswer
	}
	for in.More() {
		token, err := in.Token()
		name, _ := token.(string)
		into, expected := fields[name]
		var value json.RawMessage
		if err != nil || !expected || in.Decode(&value) != nil || string(value) == "null" || json.Unmarshal(value, into) != nil {
			return answer{}, errAnswer
		}
		delete(fields, name) // a second one is not expected
	}
	_, closing := in.Token()
	_, behind := in.Token()
	_, wanting := fields["active"]
	if closing != nil || !errors.Is(behind, io.EOF) || wanting || !a.active && len(fields) != all-1 {
		return answer{}, errAnswer
	}
	return a, nil
}

// grant returns the grant of a complete answer about this ticket.
func (a answer) grant(token ticket.Token, p ticket.Presentation, now time.Time) (ticket.Grant, error) {
	if !a.active {
		return ticket.Grant{}, ticket.ErrNotFound
	}
	end, err := time.Parse(time.RFC3339, a.connectionExpiryAt)
	switch {
	case err != nil, !now.Before(end),
		a.id != string(token.ID()), a.issuer == "", a.subject == "",
		a.audience == "", p.Audience != "" && p.Audience != a.audience:
		return ticket.Grant{}, errAnswer
	}
	return ticket.Grant{
		ID: token.ID(),
		Identity: ticket.Identity{
			Issuer: a.issuer, Subject: a.subject, SessionID: a.session, Claims: a.claims, ExpiresAt: end,
		},
		Audience: a.audience, Scope: a.scope, ConnectionExpiresAt: end,
	}, nil
}
