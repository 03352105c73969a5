package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// forward returns the endpoint at which proxies with contract c ask whether a
// handshake may pass. It never upgrades, whatever the headers say, and reads no
// body.
func (s *Server) forward(c contract) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		by, err := s.believe(c, r)
		if err != nil {
			return err
		}
		s.o.Gate.TrustCaller(w, r)
		q, err := c.read(r)
		if err != nil {
			return err
		}
		asked := s.handshake(r, q)
		accesslog.KeepClient(r.Context(), asked.ClientIP)
		ctx := requestContext(r, asked.ClientIP)
		candidate, err := s.o.Gate.Check(ctx, asked)
		if err != nil {
			return err
		}
		if audience := candidate.Presentation.Audience; !by.mayHave(audience) {
			return otherAudience(by, audience)
		}
		grant, err := s.o.Gate.Admit(ctx, candidate)
		if err != nil {
			return err
		}
		if c.copies {
			copyOthers(w.Header(), r.Header, candidate.Offer)
		}
		return s.allow(w, grant, accesslog.NoteOf(ctx))
	})
}

// copyOthers adds to an answer what the application gets of the headers that can
// hold a credential. If nothing is left of one, it is not added, and the proxy
// removes the client's.
func copyOthers(answer, asked http.Header, offer gate.Offer) {
	if len(offer.Protocols) > 0 {
		answer.Set("Sec-WebSocket-Protocol", strings.Join(offer.Protocols, ", "))
	}
	for _, line := range gate.OtherAuthorizations(asked["Authorization"]) {
		answer.Add("Authorization", line)
	}
}

// handshake returns the handshake that the proxy asks about. Its audience is that
// of its path.
func (s *Server) handshake(r *http.Request, q question) gate.Handshake {
	return gate.Handshake{
		Method: q.method, Host: q.host, Path: q.path, RawQuery: q.query, Header: r.Header,
		ClientIP: s.o.Gate.ForwardedClient(r), RequestID: q.requestID,
		// The application chooses among those offered; one is required.
		Choose: func(o gate.Offer) (string, error) { return o.Choose(o.Protocols) },
	}
}

// believe returns who asks.
func (s *Server) believe(c contract, r *http.Request) (keyholder, error) {
	by, err := s.asker(r)
	if !c.sharesQuery {
		err = s.withQuery(r, err)
	}
	return by, err
}

// asker accepts a proxy that may ask, which has no name, and a peer with a client
// certificate or a key. A key is not looked at in the first two cases: it may be the
// client's, and a wrong one would count against the proxy.
func (s *Server) asker(r *http.Request) (keyholder, error) {
	if s.o.Gate.MayAsk(r) {
		return keyholder{}, nil
	}
	if by, err := s.certified(r.TLS); err == nil {
		accesslog.NoteOf(r.Context()).Caller = by.name
		return by, nil
	}
	by, err := s.authorize(r, scopeConsume, proxyKey)
	if errors.Is(err, errMissingCredential) {
		err = ticket.WithAttrs(errUntrusted, slog.String("peer", clientip.Peer(r).String()), slog.String("setting", "internal.forward_auth_peers"))
	}
	return by, err
}

// allow answers 200 with headers alone. It sets every identity header, an absent
// value as an empty one: without the header, some proxies pass on the client's.
func (s *Server) allow(w http.ResponseWriter, grant ticket.Grant, note *accesslog.Note) error {
	identity, err := s.o.Identifier.Headers(grant)
	if err != nil {
		return fmt.Errorf("identity headers: %w", err)
	}
	h := w.Header()
	for _, name := range s.o.Identifier.Names() {
		h.Set(name, identity.Get(name))
	}
	h.Set("Content-Length", "0")
	note.Outcome, note.Reason = "allowed", "ok"
	w.WriteHeader(http.StatusOK)
	return nil
}

// plainIdentifier is an [Identifier] of the connection's ID and expiry alone.
type plainIdentifier struct{}

func (plainIdentifier) Names() []string { return []string{"X-Wsticket-Id", "X-Wsticket-Expires"} }

func (plainIdentifier) Headers(grant ticket.Grant) (http.Header, error) {
	return http.Header{
		"X-Wsticket-Id": {string(grant.ID)}, "X-Wsticket-Expires": {rfc3339(grant.ConnectionExpiresAt)},
	}, nil
}
