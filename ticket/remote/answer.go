package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"

	"wsticket/ticket"
)

// outage is why nothing can be concluded. It wraps [ticket.ErrUnavailable] and
// holds nothing of an answer.
type outage struct{ text, reason string }

// Error says what is wrong.
func (o *outage) Error() string { return o.text }

// Reason names it for [ticket.Reason].
func (o *outage) Reason() string { return o.reason }

// Unwrap returns [ticket.ErrUnavailable].
func (o *outage) Unwrap() error { return ticket.ErrUnavailable }

var (
	errUnreachable error = &outage{"the service did not answer", "remote_unreachable"}
	errUnavailable error = &outage{"the service is not available", "remote_unavailable"}
	errKeyRefused  error = &outage{"the key is refused by the service", "remote_key_refused"}
	// errRejected: an audience that the service has not configured, a host
	// name that it does not answer to, another version of it.
	errRejected error = &outage{"the service does not take the request", "remote_request"}
	errAnswer   error = &outage{"the answer of the service is not understood", "remote_answer"}
)

// verdict is an answer of POST /consume.
type verdict struct {
	active                              bool
	id, issuer, subject, session        string
	audience, scope, connectionExpiryAt string
	claims                              map[string]any
}

// decode takes nothing for a verdict but the one shape that there is.
func decode(status int, contentType string, data []byte) (verdict, error) {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{}, errKeyRefused
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return verdict{}, errUnavailable
	case status >= http.StatusBadRequest:
		return verdict{}, errRejected
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if status != http.StatusOK || err != nil || kind != "application/json" || !utf8.Valid(data) {
		return verdict{}, errAnswer
	}
	return decodeVerdict(data)
}

// decodeVerdict reads names as they are: encoding/json would take the last of
// two, and another case for the same.
func decodeVerdict(data []byte) (verdict, error) {
	var v verdict
	fields := map[string]any{
		"active": &v.active, "ticket_id": &v.id, "iss": &v.issuer, "sub": &v.subject, "sid": &v.session,
		"aud": &v.audience, "scope": &v.scope, "claims": &v.claims, "connection_expires_at": &v.connectionExpiryAt,
	}
	all := len(fields)
	in := json.NewDecoder(bytes.NewReader(data))
	if begin, err := in.Token(); err != nil || begin != json.Delim('{') {
		return verdict{}, errAnswer
	}
	for in.More() {
		token, err := in.Token()
		name, _ := token.(string)
		into, expected := fields[name]
		var value json.RawMessage
		if err != nil || !expected || in.Decode(&value) != nil || string(value) == "null" || json.Unmarshal(value, into) != nil {
			return verdict{}, errAnswer
		}
		delete(fields, name) // a second one is not expected
	}
	_, closing := in.Token()
	_, behind := in.Token()
	_, wanting := fields["active"]
	if closing != nil || !errors.Is(behind, io.EOF) || wanting || !v.active && len(fields) != all-1 {
		return verdict{}, errAnswer
	}
	return v, nil
}

// grant makes sure that the answer is about this ticket, and whole.
func (v verdict) grant(token ticket.Token, p ticket.Presentation, now time.Time) (ticket.Grant, error) {
	if !v.active {
		return ticket.Grant{}, ticket.ErrNotFound
	}
	end, err := time.Parse(time.RFC3339, v.connectionExpiryAt)
	switch {
	case err != nil, !now.Before(end),
		v.id != string(token.ID()), v.issuer == "", v.subject == "",
		v.audience == "", p.Audience != "" && p.Audience != v.audience:
		return ticket.Grant{}, errAnswer
	}
	return ticket.Grant{
		ID: token.ID(),
		Identity: ticket.Identity{
			Issuer: v.issuer, Subject: v.subject, SessionID: v.session, Claims: v.claims, ExpiresAt: end,
		},
		Audience: v.audience, Scope: v.scope, ConnectionExpiresAt: end,
	}, nil
}
