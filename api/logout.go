package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// logoutPath is where issuers send logout tokens.
const logoutPath = "/backchannel-logout"

const (
	// maxLogoutBody bounds the body of a logout request, in bytes. It has a JWT, of which
	// bearers may have 8 KiB.
	maxLogoutBody = 16 << 10
	// logoutSkew is how far the clock of the store may be ahead of ours.
	logoutSkew = time.Minute
)

// The outcomes of logout requests that were accepted.
const (
	// OutcomeLoggedOut: this process had connections of the user or session.
	OutcomeLoggedOut = "logged_out"
	// OutcomeUnmatched: it had none, others may.
	OutcomeUnmatched = "unmatched"
)

// LogoutVerifier verifies logout tokens. [*auth.Verifier] is one. The error wraps
// [ticket.ErrInvalidBearer] or [ticket.ErrUnavailable].
type LogoutVerifier interface {
	Logout(ctx context.Context, token string) (ticket.Logout, error)
}

// logoutFault is the body of a logout request that is refused (OpenID Connect
// Back-Channel Logout 1.0, 2.8).
type logoutFault struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// logout serves POST /backchannel-logout. What the client has to change is answered 400
// in the form of the standard, and everything else as at other endpoints.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	err := s.acceptLogout(w, r)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
		return nil
	case !isLogoutFault(err):
		return err
	}
	s.refusal(w, r, err) // notes it
	description := ticket.DetailOf(err)
	if description == "" {
		description = "the logout token is refused: " + ticket.Reason(err) + "; the log of wsticket says what was expected"
	}
	writeJSON(w, http.StatusBadRequest, logoutFault{"invalid_request", description})
	return nil
}

// isLogoutFault reports whether the request is at fault.
func isLogoutFault(err error) bool {
	for _, fault := range []error{ticket.ErrInvalidRequest, ticket.ErrInvalidBearer, errTooLarge, errMediaType, errLogoutReplayed} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// acceptLogout does what a logout request asks for. Cheap checks come first: the limit
// before the signature.
func (s *Server) acceptLogout(w http.ResponseWriter, r *http.Request) error {
	client := clientip.From(r.Context())
	ctx := requestContext(r, client)
	refused := func(action ticket.Action, err error) error {
		s.o.Gate.Refused(ctx, ticket.Event{Action: action, Presentation: ticket.Presentation{ClientIP: client}}, err)
		return err
	}
	if err := s.o.Gate.LimitAddress(client); err != nil {
		return refused("", err)
	}
	data, err := readBodyUpTo(w, r, typeForm, maxLogoutBody)
	if err != nil {
		return err
	}
	text, err := formValue(data, "logout_token")
	if err != nil {
		return err
	}
	token, err := s.o.Logouts.Logout(ctx, text)
	if err != nil {
		return refused(ticket.ActionAuthenticate, err)
	}
	note := accesslog.NoteOf(ctx)
	note.Issuer, note.Subject = token.Who.Issuer, token.Who.Subject
	return s.logOut(ctx, r, token)
}

// logOut revokes what a verified token names, which it may do once.
func (s *Server) logOut(ctx context.Context, r *http.Request, token ticket.Logout) error {
	name := "logout " + token.Who.Issuer + " " + token.TokenID
	first, err := s.o.Once.First(ctx, name, token.UsableUntil.Sub(s.o.Now())+logoutSkew)
	switch {
	case err == nil && !first:
		return errLogoutReplayed
	case err == nil:
		done(r, s.logoutOutcome(token.Who))
		err = s.revokeLoggedOut(ctx, token)
	}
	if err != nil {
		// The issuer may send the same token again, with a context of its own: that
		// of this request may be over.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		return errors.Join(err, s.o.Once.Forget(ctx, name))
	}
	return nil
}

func (s *Server) logoutOutcome(who ticket.Selector) string {
	if s.o.Revoker.Holds(who) {
		return OutcomeLoggedOut
	}
	return OutcomeUnmatched
}

// revokeLoggedOut ends the connections of a user or a session, voids their tickets, and
// refuses bearers that are not newer than the logout.
func (s *Server) revokeLoggedOut(ctx context.Context, token ticket.Logout) error {
	v := ticket.Revocation{Selector: token.Who, Before: token.IssuedAt, Action: ticket.RevokeEnd, Source: "backchannel_logout"}
	prepared, err := s.o.Revoker.Prepare(v)
	if err != nil {
		v.Before = time.Time{}
		if _, other := s.o.Revoker.Prepare(v); other == nil {
			return nil // older than any bearer that is alive: all are logged out
		}
		return fmt.Errorf("logout: %w", err)
	}
	return s.o.Revoker.Revoke(ctx, prepared)
}
