package gate

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"wsticket/internal/header"
	"wsticket/ticket"
)

// CookieAuthenticator is an [Authenticator] that wants the session's cookies as
// they were sent, because the application judges them. The Sessions of package
// auth are one.
type CookieAuthenticator interface {
	Authenticator
	// AuthenticateCookies verifies a session by what a Cookie header would have:
	// one or more pairs of name and value, joined by "; ". The names are
	// Options.SessionCookie and those of its chunks.
	AuthenticateCookies(ctx context.Context, cookies ticket.Bearer) (ticket.Identity, error)
}

// sessionCookie reads and verifies the session cookie. Without a verifier there
// are no sessions.
type sessionCookie struct {
	name     string
	verifier Authenticator
}

// read returns what [sessionCookie.authenticate] takes, empty if there is no
// session. An Authenticator gets the one value: [ErrCookie] and
// [ErrCookieAmbiguous] are cookies that have none. A CookieAuthenticator gets all
// that may be the session's.
func (c sessionCookie) read(h http.Header) (string, error) {
	if c.verifier == nil {
		return "", nil
	}
	family := header.SessionCookies(h["Cookie"], c.name)
	if len(family) == 0 {
		return "", nil
	}
	if _, judges := c.verifier.(CookieAuthenticator); judges {
		pairs := make([]string, len(family))
		for i, cookie := range family {
			pairs[i] = cookie.String()
		}
		return strings.Join(pairs, "; "), nil
	}
	value, err := header.SessionValue(family, c.name)
	switch {
	case errors.Is(err, header.ErrAmbiguous):
		return "", ticket.WithAttrs(ErrCookieAmbiguous, slog.String("cookie", c.name))
	case err != nil:
		return "", ticket.WithAttrs(ErrCookie, slog.String("cookie", c.name))
	default:
		return value, nil
	}
}

// authenticate verifies what read has returned.
func (c sessionCookie) authenticate(ctx context.Context, text ticket.Bearer) (ticket.Identity, error) {
	if judges, ok := c.verifier.(CookieAuthenticator); ok {
		return judges.AuthenticateCookies(ctx, text)
	}
	return c.verifier.Authenticate(ctx, text)
}

// Forgetter is a [CookieAuthenticator] that remembers answers, and forgets that about
// one session.
type Forgetter interface {
	Forget(cookies ticket.Bearer)
}

// AuthenticateSession verifies what [Gate.SessionCookie] has returned. An answer that
// an Authenticator remembers from before a revocation is asked for once more: the
// application may have the last word about the same cookie.
func (g *Gate) AuthenticateSession(ctx context.Context, cookie ticket.Bearer) (ticket.Identity, error) {
	who, err := g.unlessRevoked(ctx)(g.doors.session.authenticate(ctx, cookie))
	if memory, ok := g.doors.session.verifier.(Forgetter); ok && errors.Is(err, ticket.ErrBearerRevoked) {
		memory.Forget(cookie)
		return g.unlessRevoked(ctx)(g.doors.session.authenticate(ctx, cookie))
	}
	return who, err
}

// HasSessions reports whether session cookies are accepted at all.
func (g *Gate) HasSessions() bool { return g.o.Sessions != nil }

// SessionCookie returns the session of a request, for [Gate.AuthenticateSession].
// It is empty if there is none or sessions are not accepted. The error is
// [ErrCookie] or [ErrCookieAmbiguous].
func (g *Gate) SessionCookie(h http.Header) (string, error) { return g.doors.session.read(h) }

// Bearer returns the bearer of a request that is no handshake, empty if it has
// none. Other schemes of Authorization are not looked at. The error is
// [ErrAuthorization] or [ErrTwoCredentials].
func Bearer(h http.Header) (string, error) {
	found, err := authorizations(h["Authorization"])
	text := ""
	for _, c := range found {
		switch {
		case c.kind != kindBearer:
		case text != "":
			return "", ErrTwoCredentials
		default:
			text = c.text
		}
	}
	return text, err
}
