package api

import (
	"context"
	"log/slog"
	"net/http"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// securityEventsPath is where issuers push security events.
const securityEventsPath = "/security-events"

// typeSecurityEvent is the media type of a security event (RFC 8935 2.1).
const typeSecurityEvent = "application/secevent+jwt"

// The outcomes of security events that were accepted, beside [OutcomeUnmatched].
const (
	// OutcomeMatched: this process had connections of the user or session.
	OutcomeMatched = "matched"
	// OutcomeRepeated: the same token had come before.
	OutcomeRepeated = "repeated"
	// OutcomeVerification: a test of the transmitter.
	OutcomeVerification = "verification"
	// OutcomeUnknown: an event that changes nothing.
	OutcomeUnknown = "unknown"
)

// verificationEvent is the type of the events that only test the way (OpenID SSF 1.0,
// 8.1.4).
const verificationEvent = "https://schemas.openid.net/secevent/ssf/event-type/verification"

// SecurityEventVerifier verifies security events. [*auth.Verifier] is one. The error
// wraps [ticket.ErrInvalidBearer] or [ticket.ErrUnavailable].
type SecurityEventVerifier interface {
	SecurityEvent(ctx context.Context, token string) (ticket.SecurityEvent, error)
}

// securityEventFault is the body of a refusal (RFC 8935 2.3).
type securityEventFault struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

// securityEventCodes are the codes of RFC 8935 2.4 by the reason of a refusal. The code
// of others is invalid_request.
var securityEventCodes = map[string]string{
	"bearer_issuer":        "invalid_issuer",
	"bearer_audience":      "invalid_audience",
	"bearer_algorithm":     "invalid_key",
	"bearer_key_unknown":   "invalid_key",
	"bearer_key_ambiguous": "invalid_key",
	"bearer_signature":     "authentication_failed",
}

// securityEvent serves POST /security-events. What the transmitter has to change is
// answered 400 in the form of the standard, and everything else as at other endpoints.
func (s *Server) securityEvent(w http.ResponseWriter, r *http.Request) error {
	err := s.acceptSecurityEvent(w, r)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
		return nil
	case !isLogoutFault(err):
		return err
	}
	s.refusal(w, r, err) // notes it
	code, known := securityEventCodes[ticket.Reason(err)]
	if !known {
		code = "invalid_request"
	}
	description := ticket.DetailOf(err)
	if description == "" {
		description = "the security event is refused: " + ticket.Reason(err) + "; the log of wsticket says what was expected"
	}
	writeJSON(w, http.StatusBadRequest, securityEventFault{code, description})
	return nil
}

// acceptSecurityEvent does what a security event asks for. Cheap checks come first: the
// limit before the signature.
func (s *Server) acceptSecurityEvent(w http.ResponseWriter, r *http.Request) error {
	data, ctx, err := s.readPushed(w, r, typeSecurityEvent)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return badRequest("body: must be a security event token")
	}
	event, err := s.o.SecurityEvents.SecurityEvent(ctx, string(data))
	if err != nil {
		s.refusedPush(ctx, ticket.ActionAuthenticate, err)
		return err
	}
	note := accesslog.NoteOf(ctx)
	note.Issuer, note.Subject = event.Issuer, event.Who.Subject
	return s.applySecurityEvent(ctx, r, event)
}

// applySecurityEvent revokes what a verified event names, once.
func (s *Server) applySecurityEvent(ctx context.Context, r *http.Request, event ticket.SecurityEvent) error {
	switch {
	case event.Type == verificationEvent:
		done(r, OutcomeVerification)
		return nil
	case event.Action == "":
		s.o.Logger.InfoContext(ctx, "unknown security event", slog.String("issuer", event.Issuer), slog.String("type", event.Type))
		done(r, OutcomeUnknown)
		return nil
	}
	done(r, OutcomeRepeated)
	_, err := s.once(ctx, "event "+event.Issuer+" "+event.TokenID, event.UsableUntil, func() error {
		outcome := OutcomeUnmatched
		if s.o.Revoker.Holds(event.Who) {
			outcome = OutcomeMatched
		}
		done(r, outcome)
		return s.revokeVerified(ctx, ticket.Revocation{
			Selector: event.Who, Before: event.Before, Action: event.Action, Source: "security_event",
		})
	})
	return err
}
