package ws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/internal/upgrade"
)

// redeemGrace is how long a redemption may last beyond the time for the first
// message. With live.Linger after it, a connection that is not admitted is
// closed 1.5 s after that time, whatever its peer and the store do.
const redeemGrace = 500 * time.Millisecond

// awaitMessage completes the handshake, waits for the first message with the
// credential, and connects.
func (h *Handler) awaitMessage(s *handshake) {
	leave, err := h.enterUnauthenticated(s)
	if err != nil {
		h.refuse(s, err)
		return
	}
	defer leave()
	conn, err := h.upgrade(s, outcomeAccepted, "pending", h.earlySubprotocol(s), nil)
	if err != nil {
		return
	}
	taken := false // by the application
	defer func() {
		if !taken { // also if the Redeemer panics
			_ = conn.Close()
		}
	}()
	// The request's context may end early; see runEndpoint.
	s.ctx = context.WithoutCancel(s.ctx)
	x := newExchange(conn, conn.Buffered.Reader, h.o.AuthTimeout)
	if err = h.authenticateByMessage(s, x); err == nil {
		leave()
		err = x.welcome(s.grant)
	}
	if err == nil {
		err = h.handOver(s, conn)
		taken = err == nil
	}
	if err != nil {
		id := s.candidate.TicketID()
		if id == "" {
			id = s.grant.ID
		}
		h.settled(s, id, err)
		end, before := lastFrames(err)
		if s.grant.ID != "" {
			before = nil // it has had its auth_ok
		}
		end.close(conn, conn.Buffered.Reader, before)
	}
}

// handOver gives an authenticated connection to the application. If there is
// an error the connection is still the caller's.
func (h *Handler) handOver(s *handshake, conn upgrade.Conn) error {
	if conn.SetDeadline(time.Time{}) != nil {
		return errLeft
	}
	if h.relay != nil {
		return h.joinUpstream(s, conn)
	}
	c, err := h.register(s)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	h.runEndpoint(s, c, conn)
	return nil
}

// authenticateByMessage reads the first message and has its credential
// admitted.
func (h *Handler) authenticateByMessage(s *handshake, x *exchange) error {
	text, err := h.awaitToken(x)
	if err != nil {
		return err
	}
	s.gate = h.gate() // which may be another one by now
	if s.candidate, err = s.gate.WithMessage(s.candidate, text); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(s.ctx, x.until.Add(redeemGrace))
	defer cancel()
	s.grant, err = s.gate.Admit(ctx, s.candidate)
	return err
}

// awaitToken is x.token, but ends when the registry of connections stops.
func (h *Handler) awaitToken(x *exchange) (string, error) {
	woken := make(chan struct{})
	cancel := h.o.Live.OnStop(func() {
		_ = x.conn.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	token, err := x.token()
	if tooLate := cancel(); !tooLate {
		return token, err
	}
	// Wait for it, so that it does not overwrite later deadlines.
	<-woken
	if err == nil || errors.Is(err, errAuthTimeout) {
		return "", errDraining
	}
	return "", err
}
