package ws

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/relay"
)

// relayTo passes the handshake on to the application. When the application has
// accepted it the connection becomes a tunnel, and nothing of the request is
// kept; a refusal goes back as it is.
func (h *Handler) relayTo(w http.ResponseWriter, r *http.Request, a admission, note *accesslog.Note) {
	out, err := h.outbound(r, a, a.offered.Theirs())
	var answer *relay.Answer
	if err == nil {
		answer, err = h.relay.Open(r.Context(), out)
	}
	if err != nil {
		if !h.refuseByClose(w, r, a, err, note) {
			note.Outcome, note.Reason = h.refuse(w, err)
		}
		return
	}
	defer answer.Close()
	if !answer.Switched() {
		note.Outcome, note.Reason = outcomeRefused, "upstream_refused"
		answer.Refuse(w)
		return
	}
	// The entry of the access log is written at the moment of the hijack.
	note.Outcome, note.Reason = outcomeConnected, "ok"
	c := h.tunnelOf(a)
	tunnel, err := answer.Accept(w, a.subprotocol, c.ended)
	if err != nil {
		c.lost()
		h.lost(r, a, note)
		return
	}
	c.began(tunnel)
}

// relayOpened connects a connection that we have upgraded ourselves, without
// extensions and with a protocol of our choice: an application that wants
// others cannot have it. Where there is an error, the connection is still the
// caller's.
func (h *Handler) relayOpened(r *http.Request, o opened) error {
	var theirs []string
	if early := h.early(o.admission); early != handshake.ProtocolOwn && early != "" {
		theirs = []string{early}
	}
	out, err := h.outbound(r, o.admission, theirs)
	if err != nil {
		return err
	}
	delete(out.Header, "Sec-Websocket-Extensions")
	answer, err := h.relay.Open(r.Context(), out)
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	defer answer.Close()
	header := answer.Header()
	if len(header["Sec-Websocket-Extensions"]) > 0 || !slices.Equal(header["Sec-Websocket-Protocol"], theirs) {
		return fmt.Errorf("relay: not what was agreed on: %w", relay.ErrUpstream)
	}
	c := h.tunnelOf(o.admission)
	early, _ := o.buffered.Peek(o.buffered.Reader.Buffered())
	tunnel, err := answer.Join(o.conn, slices.Clone(early), c.ended)
	if err != nil {
		c.lost()
		return fmt.Errorf("relay: refused: %w", relay.ErrUpstream)
	}
	c.began(tunnel)
	return nil
}

// outbound is the handshake as the application gets it: without any
// credential, and with the identity in the place of what a client may have
// sent in its stead.
func (h *Handler) outbound(r *http.Request, a admission, protocols []string) (*http.Request, error) {
	out := h.relay.Outbound(r, h.trusts(r.RemoteAddr))
	out.URL.RawQuery = handshake.StripTicket(out.URL.RawQuery, h.options.TicketParameter)
	header := out.Header
	delete(header, "Authorization")
	if h.options.SessionCookie != "" {
		replace(header, "Cookie", handshake.StripCookie(header["Cookie"], h.options.SessionCookie))
	}
	replace(header, "Sec-Websocket-Protocol", protocols)
	relay.RemoveHeaders(header, h.options.Identity.Names())
	identity, err := h.options.Identity.Headers(a.grant)
	if err != nil {
		return nil, fmt.Errorf("identity headers: %w", err)
	}
	maps.Copy(header, identity)
	return out, nil
}

// replace sets all values of a header, or removes it where there are none.
func replace(header http.Header, name string, values []string) {
	if len(values) == 0 {
		delete(header, name)
		return
	}
	header[name] = values
}

// trusts tells whether the peer is a proxy that tells the truth about clients.
func (h *Handler) trusts(peer string) bool {
	addr, err := netip.ParseAddrPort(peer)
	return err == nil && slices.ContainsFunc(h.options.TrustedProxies, func(p netip.Prefix) bool {
		return p.Contains(addr.Addr().Unmap())
	})
}

// early is the protocol to answer before the application is asked: its first
// one, else our own, else none.
func (h *Handler) early(a admission) string {
	if theirs := a.offered.Theirs(); h.relay != nil && len(theirs) > 0 {
		return theirs[0]
	}
	return a.subprotocol
}

// tunnel is a connection that the application has through the relay. It lives
// as long as the connection, so it keeps little.
type tunnel struct {
	h *Handler
	connection

	mu    sync.Mutex
	relay *relay.Tunnel // nil until it has begun
	asked *closeCode    // what it was to be closed with before it had begun
}

// tunnelOf counts a connection that is about to begin.
func (h *Handler) tunnelOf(a admission) *tunnel {
	c := &tunnel{h: h}
	c.connection = connection{id: a.grant.ID, door: a.door, end: c.end, cut: c.cut}
	h.live.add(&c.connection)
	return c
}

func (c *tunnel) began(t *relay.Tunnel) {
	c.mu.Lock()
	c.relay = t
	asked := c.asked
	c.mu.Unlock()
	if asked != nil {
		c.end(*asked)
	}
}

func (c *tunnel) end(code closeCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relay == nil {
		c.asked = &code
		return
	}
	c.relay.Close(uint16(code.Code), code.Reason) //nolint:gosec // A close code has 16 bits.
}

func (c *tunnel) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relay != nil {
		c.relay.Cut()
	}
}

// ended is called by the relay, once.
func (c *tunnel) ended(result relay.Result) {
	c.h.live.remove(&c.connection)
	c.h.options.Logger.Info("connection closed", "id", c.id, "door", c.door,
		"duration", result.Duration, "close_code", int(result.Code), "by", result.By,
		slog.Group("from_client", "messages", result.FromClient.Messages, "bytes", result.FromClient.Bytes),
		slog.Group("from_upstream", "messages", result.FromUpstream.Messages, "bytes", result.FromUpstream.Bytes))
}

// lost takes back a connection that has not begun.
func (c *tunnel) lost() { c.h.live.remove(&c.connection) }
