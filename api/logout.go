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
	data, ctx, err := s.readPushed(w, r, typeForm)
	if err != nil {
		return err
	}
	text, err := formValue(data, "logout_token")
	if err != nil {
		return err
	}
	token, err := s.o.Logouts.Logout(ctx, text)
	if err != nil {
		s.refusedPush(ctx, ticket.ActionAuthenticate, err)
		return err
	}
	note := accesslog.NoteOf(ctx)
	note.Issuer, note.Subject = token.Who.Issuer, token.Who.Subject
	return s.logOut(ctx, r, token)
}

// readPushed reads the body of a request that an issuer sends, after the limit of its
// address. The context has what the request is known by.
func (s *Server) readPushed(w http.ResponseWriter, r *http.Request, kind string) ([]byte, context.Context, error) {
	client := clientip.From(r.Context())
	ctx := requestContext(r, client)
	if err := s.o.Gate.LimitAddress(client); err != nil {
		s.refusedPush(ctx, "", err)
		return nil, ctx, err
	}
	data, err := readBodyUpTo(w, r, kind, maxLogoutBody)
	return data, ctx, err
}

// refusedPush reports a refused request of an issuer.
func (s *Server) refusedPush(ctx context.Context, action ticket.Action, err error) {
	s.o.Gate.Refused(ctx, ticket.Event{Action: action, Presentation: ticket.Presentation{ClientIP: clientip.From(ctx)}}, err)
}

// logOut revokes what a verified token names, which it may do once.
func (s *Server) logOut(ctx context.Context, r *http.Request, token ticket.Logout) error {
	name := "logout " + token.Who.Issuer + " " + token.TokenID
	first, err := s.once(ctx, name, token.UsableUntil, func() error {
		done(r, s.logoutOutcome(token.Who))
		return s.revokeVerified(ctx, ticket.Revocation{
			Selector: token.Who, Before: token.IssuedAt, Action: ticket.RevokeEnd, Source: "backchannel_logout",
		})
	})
	if err == nil && !first {
		return errLogoutReplayed
	}
	return err
}

// once does what a token asks for if it is the first of its name, and reports whether
// it was. If that fails the token is forgotten: the issuer may send it again.
func (s *Server) once(ctx context.Context, name string, usableUntil time.Time, do func() error) (bool, error) {
	first, err := s.o.Once.First(ctx, name, usableUntil.Sub(s.o.Now())+logoutSkew)
	if err == nil && first {
		err = do()
	}
	if err != nil {
		// With a context of its own: that of this request may be over.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		err = errors.Join(err, s.o.Once.Forget(ctx, name))
	}
	return first, err
}

func (s *Server) logoutOutcome(who ticket.Selector) string {
	if s.o.Revoker.Holds(who) {
		return OutcomeLoggedOut
	}
	return OutcomeUnmatched
}

// revokeVerified revokes what a verified token of an issuer names. Bearers that are not
// newer than its time are refused.
func (s *Server) revokeVerified(ctx context.Context, v ticket.Revocation) error {
	prepared, err := s.o.Revoker.Prepare(v)
	if err != nil {
		v.Before = time.Time{}
		if _, other := s.o.Revoker.Prepare(v); other == nil {
			return nil // older than any bearer that is alive: all are over
		}
		return fmt.Errorf("%s: %w", v.Source, err)
	}
	return s.o.Revoker.Revoke(ctx, prepared)
}
