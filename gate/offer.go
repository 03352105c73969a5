package gate

import (
	"slices"
	"strings"

	"wsticket/internal/header"
	"wsticket/ticket"
)

const (
	// ProtocolOwn is answered if the application has no protocol of its own
	// among those offered. It says nothing about the frames.
	ProtocolOwn = "wsticket.v1"
	// TicketPrefix marks an offered "protocol" that is a ticket.
	TicketPrefix = "ticket."
	// maxProtocols bounds the entries of an offer.
	maxProtocols = 16
)

// Offer is a parsed Sec-WebSocket-Protocol header.
type Offer struct {
	// Protocols are all entries that are no tickets, in the client's order of
	// preference.
	Protocols []string
	// tickets are the token texts of the others.
	tickets []string
}

// parseOffer parses the header; without lines the offer is empty (RFC 6455
// 11.3.4). Two entries that differ only in case are refused like duplicates,
// because the WebSocket library compares them without case. So is "Ticket.x": it
// is no ticket, but a program that redacts tickets may take it for one. A ticket
// without [TicketPrefix] is refused, too: it would be a protocol, which the
// application gets and the answer repeats.
func parseOffer(lines []string) (Offer, error) {
	entries := header.List(lines)
	if len(entries) > maxProtocols || listTooLong(lines) {
		return Offer{}, wrongHeader(ErrMalformed, "Sec-WebSocket-Protocol", "too_long")
	}
	var o Offer
	for i, entry := range entries {
		switch {
		case !header.IsToken(entry):
			return Offer{}, wrongHeader(ErrMalformed, "Sec-WebSocket-Protocol", faultMalformed)
		case header.ContainsFold(entries[:i], entry):
			return Offer{}, wrongHeader(ErrMalformed, "Sec-WebSocket-Protocol", faultRepeated)
		}
		token, isTicket := strings.CutPrefix(entry, TicketPrefix)
		switch {
		case isTicket:
			o.tickets = append(o.tickets, token)
		case IsReserved(entry) && entry != ProtocolOwn:
			return Offer{}, wrongHeader(ErrMalformed, "Sec-WebSocket-Protocol", "not_lower_case")
		case ticket.MayHoldToken(entry):
			return Offer{}, wrongHeader(ErrMalformed, "Sec-WebSocket-Protocol", "ticket_without_prefix")
		default:
			o.Protocols = append(o.Protocols, entry)
		}
	}
	return o, nil
}

// Choose returns the subprotocol to answer: the first offered one that is in
// served, else our own if it is offered. An offer that has neither is
// [ErrSubprotocol], although RFC 6455 lets a server answer none: browsers fail
// the connection then, and the ticket would be spent for nothing.
func (o Offer) Choose(served []string) (string, error) {
	for _, name := range o.Protocols {
		if slices.Contains(served, name) {
			return name, nil
		}
	}
	switch {
	case slices.Contains(o.Protocols, ProtocolOwn):
		return ProtocolOwn, nil
	case len(o.Protocols)+len(o.tickets) > 0:
		return "", ErrSubprotocol
	default:
		return "", nil
	}
}

// ChooseRelayed returns the subprotocol to answer if an application that is
// relayed to chooses none of those offered: our own, or none. A ticket without
// any protocol is refused, as by [Offer.Choose].
func (o Offer) ChooseRelayed() (string, error) {
	switch {
	case slices.Contains(o.Protocols, ProtocolOwn):
		return ProtocolOwn, nil
	case len(o.Protocols) == 0 && len(o.tickets) > 0:
		return "", ErrSubprotocol
	default:
		return "", nil
	}
}

// Application returns the offered protocols without our own.
func (o Offer) Application() []string {
	return slices.DeleteFunc(slices.Clone(o.Protocols), IsReserved)
}

// IsReserved reports whether name is one of ours in any spelling, so that it
// cannot be an application's.
func IsReserved(name string) bool {
	return strings.EqualFold(name, ProtocolOwn) ||
		len(name) >= len(TicketPrefix) && strings.EqualFold(name[:len(TicketPrefix)], TicketPrefix)
}
