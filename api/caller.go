package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// requestTimeout bounds how long a request waits for key sets and the store.
const requestTimeout = 5 * time.Second

// caller is who sent a request about tickets.
type caller struct {
	identity ticket.Identity
	// origin is that of the page, in canonical form, and empty if no page sent
	// the request.
	origin string
}

// authenticated returns an endpoint that calls h for requests with a good
// credential, and refuses others.
func (s *Server) authenticated(
	h func(w http.ResponseWriter, r *http.Request, by caller) error,
) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		by, err := s.identify(w, r)
		if err == nil {
			err = h(w, r, by)
		}
		// Such a request is about a ticket, and presents none.
		return notFound(err)
	})
}

// bounded returns e with a time limit of requestTimeout. An error that follows
// from it is [ticket.ErrUnavailable].
func bounded(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		err := e(w, r.WithContext(ctx))
		if errors.Is(err, context.DeadlineExceeded) {
			// It is not known what the store did.
			err = fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
		}
		return err
	}
}

// identify returns who sent a request. Cheap checks come first: origin and rate
// before a signature. The body of an unknown sender is not read.
func (s *Server) identify(w http.ResponseWriter, r *http.Request) (caller, error) {
	page, err := s.allowOrigin(w, r)
	if err != nil {
		return caller{}, err
	}
	client := clientip.From(r.Context())
	ctx := requestContext(r, client)
	refused := func(e ticket.Event, err error) error {
		e.Presentation = ticket.Presentation{ClientIP: client, Origin: page}
		s.o.Gate.Refused(ctx, e, err)
		return err
	}
	if err := s.o.Gate.LimitAddress(client); err != nil {
		return caller{}, refused(ticket.Event{}, err)
	}
	c, err := s.credential(r)
	if err != nil {
		return caller{}, err
	}
	verify := s.o.Gate.AuthenticateBearer
	if c.session {
		if err := fromOurPage(r, page); err != nil {
			return caller{}, err
		}
		verify = s.o.Gate.AuthenticateSession
	}
	identity, err := verify(ctx, c.text)
	if err != nil {
		return caller{}, refused(ticket.Event{Action: ticket.ActionAuthenticate}, err)
	}
	note := accesslog.NoteOf(ctx)
	note.Issuer, note.Subject = identity.Issuer, identity.Subject
	if err := gate.LimitedBy("limits.per_subject", gate.Limit(s.o.SubjectLimit, subjectKey(identity))); err != nil {
		return caller{}, refused(ticket.Event{Identity: identity}, err)
	}
	return caller{identity: identity, origin: page}, nil
}

// subjectKey returns a key for issuer and subject, which name a user only
// together. Its length prefix keeps ("ab", "c") and ("a", "bc") apart.
func subjectKey(id ticket.Identity) string {
	return strconv.Itoa(len(id.Issuer)) + ":" + id.Issuer + id.Subject
}
