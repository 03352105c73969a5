package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/header"
	"wsticket/internal/relay"
	"wsticket/internal/upgrade"
	"wsticket/live"
	"wsticket/ticket"
)

// connectUpstream passes the handshake on to the application. If the
// application accepts it, the connection becomes a tunnel, and nothing of the
// request is kept. A refusal is passed on to the client unchanged.
func (h *Handler) connectUpstream(s *handshake) {
	answer, err := h.ask(s, s.candidate.Offer.Application(), true)
	if err != nil {
		h.refuseOrClose(s, err)
		return
	}
	defer answer.Close()
	if !answer.Switched() {
		s.note.Outcome, s.note.Reason = gate.OutcomeRefused, "upstream_refused"
		s.note.Attrs = ticket.AttrsOf(h.refusedByUpstream(answer))
		answer.Refuse(s.w)
		return
	}
	c, err := h.register(s)
	if err != nil {
		h.refuseOrClose(s, err)
		return
	}
	conn, err := h.upgrade(s, outcomeConnected, "ok", s.candidate.Subprotocol, answer.Header())
	if err != nil {
		c.Abandon()
		return
	}
	_ = h.join(s, c, answer, conn) // the application has switched protocols
}

// joinUpstream connects a connection that was upgraded before the application
// is asked: without extensions, and with a subprotocol of our choice. An
// application that insists on others is refused. If there is an error the
// connection is still the caller's.
func (h *Handler) joinUpstream(s *handshake, conn upgrade.Conn) error {
	var protocols []string
	if early := h.earlySubprotocol(s); early != gate.ProtocolOwn && early != "" {
		protocols = []string{early}
	}
	answer, err := h.ask(s, protocols, false)
	if err != nil {
		return err
	}
	defer answer.Close()
	got := answer.Header()
	switch {
	case !answer.Switched():
		return fmt.Errorf("refused by the application: %w", h.refusedByUpstream(answer))
	case len(got["Sec-Websocket-Extensions"]) > 0, !slices.Equal(got["Sec-Websocket-Protocol"], protocols):
		err := h.aboutUpstream(errUpstream, slog.String("cause", "the application insists on an extension or another subprotocol"))
		return fmt.Errorf("another protocol or extension: %w", err)
	}
	c, err := h.register(s)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return h.join(s, c, answer, conn)
}

// ask sends the handshake to the application.
func (h *Handler) ask(s *handshake, protocols []string, extensions bool) (*relay.Answer, error) {
	out, err := h.outbound(s, protocols, extensions)
	if err != nil {
		return nil, err
	}
	answer, err := h.relay.Open(s.ctx, out)
	if err != nil {
		cause := slog.String("cause", relay.Cause(err))
		if !errors.Is(err, context.Canceled) { // which is not the application's fault
			err = fmt.Errorf("%w: %w", errUpstream, err)
		}
		return nil, fmt.Errorf("relay: %w", h.aboutUpstream(err, cause))
	}
	return answer, nil
}

// outbound returns the handshake for the application. What must not reach it, of the
// client's, is removed first: every credential, and what has the name of an identity
// header, or of any other that only we set or read. Then everything is set that is
// ours, so that nothing can replace or remove it.
func (h *Handler) outbound(s *handshake, protocols []string, extensions bool) (*http.Request, error) {
	out := h.relay.Outbound(s.gate.WithoutCredentials(s.r), s.gate.Trusts(s.r))
	for _, name := range h.o.Upstream.Identity.Names() {
		out.Header.Del(withDashes.Replace(name)) // Outbound leaves no other spelling
	}
	maps.DeleteFunc(out.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, oursPrefix) })
	identity, err := h.o.Upstream.Identity.Headers(s.grant)
	if err != nil {
		return nil, fmt.Errorf("identity headers: %w", err)
	}
	maps.Copy(out.Header, identity)
	out.Header.Del("Sec-Websocket-Protocol")
	if len(protocols) > 0 {
		// One line, because there are applications that read only the first.
		out.Header["Sec-Websocket-Protocol"] = []string{strings.Join(protocols, ", ")}
	}
	// The client may have sent both with empty members, which some libraries refuse.
	out.Header["Sec-Websocket-Version"] = []string{"13"}
	header.Set(out.Header, "Sec-Websocket-Extensions", header.WithoutEmpty(out.Header["Sec-Websocket-Extensions"]))
	if !extensions {
		out.Header.Del("Sec-Websocket-Extensions")
	}
	out.Header["X-Request-Id"] = []string{accesslog.RequestID(s.ctx)}
	accesslog.TraceOf(s.ctx).Set(out.Header)
	return out, nil
}

// oursPrefix begins the names of headers that are between us and somebody, such as
// X-Wsticket-Key, in which a program may have sent its API key to the wrong listener.
const oursPrefix = "X-Wsticket-"

// withDashes replaces what applications may read as a dash.
var withDashes = strings.NewReplacer("_", "-", ".", "-")

// aboutUpstream returns err with the address of the application, which is that of
// the settings, and with what it did.
func (h *Handler) aboutUpstream(err error, what ...slog.Attr) error {
	return ticket.WithAttrs(err, append([]slog.Attr{slog.String("upstream", h.o.Upstream.URL)}, what...)...)
}

func (h *Handler) refusedByUpstream(a *relay.Answer) error {
	return h.aboutUpstream(errUpstream, slog.Int("upstream_status", a.Status()), ticket.Expected("101"))
}

// join makes a tunnel of the two connections.
func (h *Handler) join(s *handshake, c *live.Connection, answer *relay.Answer, conn upgrade.Conn) error {
	c.Began(s.ctx)
	if take := h.takesRenewals(s); take != nil {
		answer.Take = func(t *relay.Tunnel, text []byte) bool { return take(t.Send, text) }
	}
	tunnel, err := answer.Join(conn.Conn, conn.Early(), func(r relay.Result) { c.Ended(context.Background(), closedBy(r)) })
	if err != nil {
		c.Ended(s.ctx, closedBy(relay.Result{Code: ticket.EndUpstreamFailed.Code, By: relay.ByUpstream}))
		return fmt.Errorf("join: %w", err)
	}
	if h.o.Upstream.Notices || c.Presentation.Door == ticket.DoorFirstMessage {
		c.Attach(noticedTunnel{tunnelEnder{tunnel}})
	} else {
		c.Attach(tunnelEnder{tunnel})
	}
	return nil
}

// vanished is how clients are told that the application is gone. While this process
// leaves it has stopped for the same reason, and a new ticket opens a connection
// elsewhere.
func (h *Handler) vanished() (code uint16, reason string) {
	if h.o.Live.Leaving() {
		return ticket.EndDraining.Code, ticket.EndDraining.Reason
	}
	return 0, ""
}

// closedBy returns how a tunnel ended.
func closedBy(r relay.Result) ticket.Closed {
	return ticket.Closed{
		Code: r.Code, By: r.By, Fault: string(r.Fault), FaultBy: r.FaultBy, Relayed: true,
		FromClient: ticket.Traffic(r.FromClient), FromUpstream: ticket.Traffic(r.FromUpstream),
	}
}

// What can be sent our messages.
var (
	_ live.Notifier = noticedTunnel{}
	_ live.Notifier = (*endpointConn)(nil)
)

// tunnelEnder is the [live.Ender] of a relayed connection.
type tunnelEnder struct{ *relay.Tunnel }

// End closes the tunnel on both sides, between two frames.
func (t tunnelEnder) End(e ticket.Ending) { t.Close(e.Code, e.Reason) }

// noticedTunnel is a tunnel whose client knows our messages.
type noticedTunnel struct{ tunnelEnder }

// Notify implements [live.Notifier].
func (t noticedTunnel) Notify(text []byte) { t.Send(text) }
