package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/handshake"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// forward answers a proxy that asks whether a handshake may pass. It is never
// an upgrade itself, whatever the headers say, and no body is read.
func (s *Server) forward(c contract) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength != 0 {
			// Else net/http waits for the body before it answers.
			w.Header().Set("Connection", "close")
		}
		if err := s.believe(c, r); err != nil {
			return err
		}
		q, err := c.read(r)
		if err != nil {
			return err
		}
		grant, err := s.judge(r, q)
		if err != nil {
			return err
		}
		if c.setsOffer {
			setOffer(w.Header(), r.Header)
		}
		return s.allow(w, r, grant)
	})
}

// believe wants the asker to be a trusted proxy, or to have a certificate or a
// key. A key that comes through one of the first two may be the client's, and is
// not looked at: wrong ones would be counted against the proxy.
func (s *Server) believe(c contract, r *http.Request) error {
	if !c.sharesQuery {
		if err := s.checkInternalQuery(r.URL.RawQuery); err != nil {
			return err
		}
	}
	if clientip.Within(clientip.Peer(r), s.o.TrustedProxies) {
		return nil
	}
	if by, ok := certified(r.TLS); ok {
		accesslog.NoteOf(r.Context()).Caller = by.name
		return nil
	}
	_, err := s.authorize(r, scopeConsume, proxyKey)
	if errors.Is(err, errMissingCredential) {
		return errUntrusted
	}
	return err
}

// judge makes the checks of a handshake in their order, the cheap and
// harmless ones first, and spends the ticket last.
func (s *Server) judge(r *http.Request, q question) (ticket.Grant, error) {
	if err := handshake.CheckForwarded(q.method, r.Header); err != nil {
		return ticket.Grant{}, err
	}
	offered, err := handshake.ParseOffer(r.Header["Sec-Websocket-Protocol"])
	if err != nil {
		return ticket.Grant{}, err
	}
	// Which one it will be is the application's choice. It must have one.
	if _, err := offered.Choose(offered.Protocols); err != nil {
		return ticket.Grant{}, err
	}
	p, err := s.whence(r, q)
	if err != nil {
		return ticket.Grant{}, err
	}
	c, err := s.doors.Credential(q.query, r.Header, offered)
	accesslog.NoteOf(r.Context()).Door, p.Transport = string(c.Door), string(c.Door)
	if err != nil {
		return ticket.Grant{}, err
	}
	return s.grant(r.Context(), c, p)
}

// whence checks from where the handshake comes: Host, Origin and the rate of
// its address.
func (s *Server) whence(r *http.Request, q question) (ticket.Presentation, error) {
	if !s.o.Hosts.Allows(q.host) {
		return ticket.Presentation{}, errHost
	}
	from, ok := s.o.Origins.Check(r, s.o.AllowMissingOrigin)
	if !ok {
		return ticket.Presentation{}, errOrigin
	}
	addr := s.forwardedFor(r)
	if err := admit(s.o.AddressLimit, limit.AddrKey(addr)); err != nil {
		return ticket.Presentation{}, err
	}
	p := ticket.Presentation{Origin: from, ClientIP: addr}
	// A question that is asked again comes with the same ID and key. One that
	// has neither cannot be told from another of the same client.
	if key := r.Header.Get("Sec-WebSocket-Key"); q.requestID != "" || key != "" {
		p.Attempt = handshake.Attempt(q.requestID+" "+key, addr.String())
	}
	return p, nil
}

// grant turns the credential into a grant, or spends it in vain.
func (s *Server) grant(ctx context.Context, c handshake.Credential, p ticket.Presentation) (ticket.Grant, error) {
	who := s.o.Authenticator
	switch c.Kind {
	case handshake.Ticket:
		return s.redeem(ctx, c.Text, p)
	case handshake.Session:
		// A browser sends cookies unasked, for any page.
		if p.Origin == "" {
			return ticket.Grant{}, errOrigin
		}
		who = s.o.Sessions
	case handshake.Bearer:
	}
	identity, err := who.Authenticate(ctx, ticket.NewBearer(c.Text))
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("authenticate: %w", err)
	}
	grant, err := ticket.GrantOf(identity, s.o.Audiences[0], s.o.Now())
	accesslog.NoteOf(ctx).TicketID = string(grant.ID)
	return grant, err
}

// allow answers 200 and nothing but headers. Each of them is there, if empty:
// where one is missing, some proxies leave the client's own in its place.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, grant ticket.Grant) error {
	identity, err := s.o.Identifier.Headers(grant)
	if err != nil {
		return fmt.Errorf("identity headers: %w", err)
	}
	h := w.Header()
	for _, name := range s.o.Identifier.Names() {
		h.Set(name, identity.Get(name))
	}
	h.Set("Content-Length", "0")
	done(r, "allowed")
	w.WriteHeader(http.StatusOK)
	return nil
}

// plainIdentifier tells the connection and its end, and nobody's name.
type plainIdentifier struct{}

func (plainIdentifier) Names() []string { return []string{"X-Wsticket-Id", "X-Wsticket-Expires"} }

func (plainIdentifier) Headers(grant ticket.Grant) (http.Header, error) {
	return http.Header{
		"X-Wsticket-Id": {string(grant.ID)}, "X-Wsticket-Expires": {stamp(grant.ConnectionExpiresAt)},
	}, nil
}

// setOffer tells the offered subprotocols without the ticket. Where there are
// none, so is the header: whoever copies it removes the client's.
func setOffer(answer, asked http.Header) {
	offered, err := handshake.ParseOffer(asked["Sec-Websocket-Protocol"])
	if err == nil && len(offered.Protocols) > 0 {
		answer.Set("Sec-WebSocket-Protocol", strings.Join(offered.Protocols, ", "))
	}
}

// openDoors are those at which forward auth finds a credential.
func (o Options) openDoors() handshake.Doors {
	open := slices.Clone(o.Doors)
	if o.Sessions == nil {
		open = slices.DeleteFunc(open, func(d handshake.Door) bool { return d == handshake.DoorCookie })
	}
	return handshake.Doors{Open: open, Parameter: o.TicketParameter, Bearers: true, Cookie: o.SessionCookie}
}
