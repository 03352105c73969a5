package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// requestTimeout bounds what one request may wait for keys and store.
const requestTimeout = 5 * time.Second

// caller is who sends a request.
type caller struct {
	identity ticket.Identity
	// origin is that of the page, in canonical form; empty where no page
	// sends it.
	origin string
}

// authenticated lets h answer those requests whose sender is known.
func (s *Server) authenticated(
	h func(w http.ResponseWriter, r *http.Request, by caller) error,
) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		by, err := s.identify(w, r)
		if err != nil {
			return err
		}
		return h(w, r, by)
	})
}

// bounded gives e the time of a request.
func bounded(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		err := e(w, r.WithContext(ctx))
		if errors.Is(err, context.DeadlineExceeded) {
			// Who gives up waiting knows nothing.
			err = fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
		}
		return err
	}
}

// identify goes by the cost: origin and address are checked before a
// signature is, and nothing of the body is read for a stranger.
func (s *Server) identify(w http.ResponseWriter, r *http.Request) (caller, error) {
	page, err := s.allowOrigin(w, r)
	if err != nil {
		return caller{}, err
	}
	if err := admit(s.o.AddressLimit, limit.AddrKey(clientip.From(r.Context()))); err != nil {
		return caller{}, err
	}
	c, err := s.credential(r)
	if err != nil {
		return caller{}, err
	}
	authenticator := s.o.Authenticator
	if c.session {
		if err := fromOurPage(r, page); err != nil {
			return caller{}, err
		}
		authenticator = s.o.Sessions
	}
	identity, err := authenticator.Authenticate(r.Context(), c.text)
	if err != nil {
		return caller{}, err
	}
	if err := admit(s.o.SubjectLimit, subjectKey(identity)); err != nil {
		return caller{}, err
	}
	return caller{identity: identity, origin: page}, nil
}

func admit(l *limit.Limiter, key string) error {
	if after, ok := l.Allow(key); !ok {
		return &limitedError{after: after}
	}
	return nil
}

// subjectKey keeps ("ab", "c") and ("a", "bc") apart: neither issuer nor
// subject names a user alone.
func subjectKey(id ticket.Identity) string {
	return strconv.Itoa(len(id.Issuer)) + ":" + id.Issuer + id.Subject
}
