package ws

import (
	"errors"
	"slices"
	"time"

	"wsticket/gate"
	"wsticket/internal/relay"
	"wsticket/ticket"
)

// failure is an error of this package. Its text is the word for logs and
// metrics.
type failure string

// Error returns the word.
func (f failure) Error() string { return string(f) }

// Reason returns the word; see [ticket.Reason].
func (f failure) Reason() string { return string(f) }

// The errors of a handshake that package gate cannot find.
const (
	// errNoHijack: a middleware hides the connection, so that no handshake can
	// succeed.
	errNoHijack failure = "no_hijack"
	// errStopping: the registry of connections stops.
	errStopping failure = "stopping"
	// errCrowded and errCrowdedAddress: a bound on connections that have not
	// authenticated is reached. Both look the same to the client.
	errCrowded        failure = "unauthenticated"
	errCrowdedAddress failure = "unauthenticated_per_address"
	// errMessage: the first message is not an auth message, but another parser
	// could take it for one.
	errMessage failure = "first_message"
	// errUpstream: the application cannot be reached, or does not speak
	// WebSocket.
	errUpstream failure = "upstream_failed"
	// errLost: the connection broke while the 101 was sent.
	errLost failure = "accept"
)

// refusals says how every error of a handshake is answered.
var refusals = slices.Concat(gate.Table{
	{Err: errNoHijack, Refusal: gate.NewRefusal(codeInternal)},
	{Err: errStopping, Refusal: gate.NewRefusal("unavailable").After(time.Second)},
	{Err: errCrowded, Refusal: gate.NewRefusal("unavailable").After(time.Second)},
	{Err: errCrowdedAddress, Refusal: gate.NewRefusal("unavailable").After(time.Second)},
	{Err: errMessage, Refusal: gate.NewRefusal("invalid_request")},
	{Err: errUpstream, Refusal: gate.NewRefusal("upstream_failed")},
	{Err: relay.ErrUpstream, Refusal: gate.NewRefusal("upstream_failed")},
}, gate.Refusals())

// refuse answers a handshake with an error, and notes it for the access log.
func (h *Handler) refuse(s *handshake, err error) {
	answer := refusals.Of(err)
	if answer.Code == codeMissing && s.gate.TakesBearers() {
		answer = answer.Challenging(gate.ChallengeTicket, gate.ChallengeBearer)
	}
	s.note.Outcome, s.note.Reason, s.note.Attrs = answer.Outcome, answer.Reason, answer.Attrs
	if _, own := errors.AsType[failure](err); own || errors.Is(err, relay.ErrUpstream) {
		// Packages gate and ticket have emitted their refusals themselves.
		kind := ticket.EventRefuse
		if errors.Is(err, errCrowded) || errors.Is(err, errCrowdedAddress) {
			kind = ticket.EventLimit
		}
		h.emit(s, ticket.Event{Kind: kind, TicketID: s.grant.ID, Outcome: answer.Outcome, Reason: answer.Reason, Attrs: answer.Attrs, Err: err})
	}
	answer.Write(s.w)
}

// The problem codes that this package names: of a request without a credential, and of
// a fault of ours.
const (
	codeMissing  = "missing_credential"
	codeInternal = "internal"
)

// settled emits the event of a handshake that was refused after its 101.
func (h *Handler) settled(s *handshake, id ticket.ID, err error) {
	answer := refusals.Of(err)
	if early, ok := earlyEndOf(err); ok {
		answer.Outcome, answer.Reason = gate.OutcomeRefused, early.reason
	}
	h.emit(s, ticket.Event{
		Kind: ticket.EventRefuse, TicketID: id, AfterUpgrade: true,
		Outcome: answer.Outcome, Reason: answer.Reason, Attrs: answer.Attrs, Err: err,
	})
}

// emit completes an event about a handshake and hands it on.
func (h *Handler) emit(s *handshake, e ticket.Event) {
	e.Action, e.At, e.Request, e.Presentation = ticket.ActionHandshake, h.o.Now(), ticket.RequestOf(s.ctx), s.candidate.Presentation
	h.o.Events.Emit(s.ctx, e)
}
