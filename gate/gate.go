package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/internal/origin"
	"wsticket/internal/token68"
	"wsticket/internal/wspath"
	"wsticket/ticket"
)

// Gate judges handshakes. It is immutable and safe for concurrent use.
type Gate struct {
	o       Options
	origins *origin.List
	hosts   *origin.Hosts
	paths   *wspath.Table // of the audiences
	doors   doors

	notes     chan struct{} // has an element for each note that is being written
	noteLimit *limit.Addresses
	proxies   *clientip.Reader
}

// Handshake is a handshake to judge: a request to this server
// ([Gate.Received]), or one that a proxy asks about.
type Handshake struct {
	Method, Host, RawQuery string
	// Path is that of the client's request, with its escapes.
	Path     string
	Header   http.Header
	ClientIP netip.Addr
	// RequestID is the name that a proxy gave the request. It becomes part of
	// the attempt. Empty if there is none.
	RequestID string
	// Audience is that of the endpoint. Empty: the one that has Path, or the first
	// one if none has paths.
	Audience string
	// Choose returns the subprotocol to answer. Its error refuses the
	// handshake.
	Choose func(Offer) (string, error)
	// FirstMessage reports whether the caller can wait for a first message
	// if there is no credential.
	FirstMessage bool

	received *http.Request // nil if a proxy asks
}

// Received returns r as a handshake.
func (g *Gate) Received(r *http.Request) Handshake {
	return Handshake{
		Method: r.Method, Host: r.Host, RawQuery: r.URL.RawQuery, Path: r.URL.EscapedPath(), Header: r.Header,
		ClientIP: g.o.ClientAddr(r), received: r,
	}
}

// Candidate is a handshake that has passed [Gate.Check], with the credential
// that is still to be redeemed or verified.
type Candidate struct {
	Offer Offer
	// Subprotocol is what Handshake.Choose returned.
	Subprotocol string
	// WellFormed reports whether a 101 could be answered, whatever is wrong
	// with the rest. It is set with an error, too.
	WellFormed   bool
	Presentation ticket.Presentation

	credential credential
	token      ticket.Token
}

// TicketID returns the ID of the ticket that is presented, empty if it is
// another credential.
func (c Candidate) TicketID() ticket.ID {
	if c.token.IsZero() {
		return ""
	}
	return c.token.ID()
}

// Check makes every check that needs neither the store nor keys, in the order
// of docs/protocol.md: shape, path, host, origin, limits, exactly one credential, and
// its grammar. So a handshake that cannot succeed spends no ticket. If it is
// refused, an event is emitted, and the result has what was known by then.
func (g *Gate) Check(ctx context.Context, h Handshake) (Candidate, error) {
	c, err := g.check(h)
	id := c.TicketID()
	if err != nil {
		id = cmp.Or(id, g.noteTicket(ctx, h, c.Offer, err))
		g.Refused(ctx, ticket.Event{Action: ticket.ActionHandshake, TicketID: id, Presentation: c.Presentation}, err)
	}
	note := accesslog.NoteOf(ctx)
	note.Door, note.TicketID = string(c.Presentation.Door), string(id)
	return c, err
}

func (g *Gate) check(h Handshake) (c Candidate, err error) {
	if c.Offer, c.Subprotocol, err = h.shape(); err != nil {
		return c, err
	}
	if h.Audience, err = g.audienceOf(h); err != nil {
		return c, err
	}
	c.WellFormed = true
	if c.Presentation, err = g.presentation(h); err != nil {
		return c, err
	}
	if err := g.LimitAddress(h.ClientIP); err != nil {
		return c, err
	}
	c.credential, err = g.doors.find(h.RawQuery, h.Header, c.Offer)
	if errors.Is(err, ErrNoCredential) && h.FirstMessage && slices.Contains(g.o.Doors, ticket.DoorFirstMessage) {
		c.credential, err = credential{door: ticket.DoorFirstMessage}, nil
	}
	c.Presentation.Door = c.credential.door
	switch {
	case errors.Is(err, ErrClosedDoor):
		return c, g.closedDoor(err)
	case err != nil:
		return c, err
	case holdsCredential(h.Path):
		// It cannot be removed before the application.
		return c, ticket.WithAttrs(ErrCredentialInURL, slog.String("part", "path"))
	case c.credential.kind == kindSession && c.Presentation.Origin == "":
		// A browser sends cookies for any page, and an Origin with each handshake.
		return c, g.wrongOrigin(h.Header)
	case c.credential.door == ticket.DoorFirstMessage || c.credential.kind != kindTicket:
		return c, nil
	}
	c.token, err = ticket.ParseToken(c.credential.text)
	return c, err
}

// shape checks the handshake itself.
func (h Handshake) shape() (o Offer, subprotocol string, err error) {
	if h.received != nil {
		err = checkShape(h.received)
	} else {
		err = checkForwardedShape(h.Method, h.Header)
	}
	if err != nil {
		return o, "", err
	}
	if o, err = parseOffer(h.Header["Sec-Websocket-Protocol"]); err != nil {
		return o, "", err
	}
	if subprotocol, err = h.Choose(o); errors.Is(err, ErrSubprotocol) {
		err = wrongHeader(err, "Sec-WebSocket-Protocol", "none_in_common")
	}
	return o, subprotocol, err
}

// presentation checks where the handshake comes from.
func (g *Gate) presentation(h Handshake) (ticket.Presentation, error) {
	p := ticket.Presentation{Audience: h.Audience, ClientIP: h.ClientIP}
	// A request that is sent twice has the same ID and key. One that has neither
	// looks like any other one of the same client, so it names no attempt. ID and key
	// alone name the attempt of a client whose address is unknown.
	if key := h.Header.Get("Sec-WebSocket-Key"); h.RequestID != "" || key != "" {
		p.Attempt = Attempt(h.RequestID+" "+key, h.ClientIP.String())
	}
	if len(g.o.Hosts) > 0 && !g.hosts.Allows(h.Host) {
		return p, g.WrongHost(h.Host)
	}
	var allowed bool
	if p.Origin, allowed = g.origins.Check(h.Header, g.o.AllowMissingOrigin); !allowed {
		return p, g.wrongOrigin(h.Header)
	}
	return p, nil
}

// Attempt returns the name of an attempt to redeem a ticket. It is a digest of
// name, which the sender chooses anew for each handshake (RFC 6455 4.1), and of
// the sender's own name or address, so that no store contains either.
func Attempt(name, sender string) string {
	digest := sha256.Sum256([]byte(name + " " + sender))
	return base64.RawURLEncoding.EncodeToString(digest[:])[:22]
}

// WithMessage returns c with the credential of a first message: a ticket, or a
// bearer if bearers are accepted.
func (g *Gate) WithMessage(c Candidate, text string) (Candidate, error) {
	c.credential = credential{door: ticket.DoorFirstMessage, text: text}
	if g.doors.bearers && !ticket.HasTokenPrefix(text) {
		c.credential.kind = kindBearer
		// An Authenticator gets nothing that a header could not contain.
		if !token68.Valid(text) {
			return c, ticket.ErrInvalidBearer
		}
		return c, nil
	}
	var err error
	c.token, err = ticket.ParseToken(text)
	return c, err
}

// closedDoor adds the open doors to [ErrClosedDoor]; the closed one is known.
func (g *Gate) closedDoor(err error) error {
	names := make([]string, len(g.o.Doors))
	for i, door := range g.o.Doors {
		names[i] = string(door)
	}
	return ticket.WithAttrs(err, ticket.Expected(names...))
}
