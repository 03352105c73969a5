package handshake

import (
	"slices"
	"strings"
)

const (
	// ProtocolOwn is answered where the application has no protocol of its
	// own among those offered. It says nothing about the frames.
	ProtocolOwn = "wsticket.v1"
	// ticketPrefix marks an offered "protocol" that is a ticket.
	ticketPrefix = "ticket."
	// maxProtocols bounds the entries of an offer.
	maxProtocols = 16
)

// Offer is Sec-WebSocket-Protocol, taken apart.
type Offer struct {
	// Tickets are the token texts of the ticket entries, Protocols all other
	// entries in the client's order of preference.
	Tickets, Protocols []string
}

// ParseOffer takes the header apart, which is empty where lines are none
// (RFC 6455 11.3.4). Two entries that differ in case only are as good as
// duplicates: the library would take one for the other. So is "Ticket.": it
// is no ticket, and who redacts tickets may think it one.
func ParseOffer(lines []string) (Offer, error) {
	entries := ListOf(lines)
	if len(entries) > maxProtocols || listTooLong(lines) {
		return Offer{}, ErrMalformed
	}
	var o Offer
	for i, entry := range entries {
		if !IsToken(entry) || ContainsFold(entries[:i], entry) {
			return Offer{}, ErrMalformed
		}
		token, isTicket := strings.CutPrefix(entry, ticketPrefix)
		switch {
		case isTicket:
			o.Tickets = append(o.Tickets, token)
		case IsReserved(entry) && entry != ProtocolOwn:
			return Offer{}, ErrMalformed
		default:
			o.Protocols = append(o.Protocols, entry)
		}
	}
	return o, nil
}

// Choose returns the protocol to answer: the first offered one that the
// application serves, else our own if offered. An offer that holds neither is
// refused, although RFC 6455 would let us answer none: browsers fail the
// connection then, and the ticket would be spent for nothing.
func (o Offer) Choose(served []string) (string, error) {
	for _, name := range o.Protocols {
		if slices.Contains(served, name) {
			return name, nil
		}
	}
	switch {
	case slices.Contains(o.Protocols, ProtocolOwn):
		return ProtocolOwn, nil
	case len(o.Protocols)+len(o.Tickets) > 0:
		return "", ErrSubprotocol
	default:
		return "", nil
	}
}

// Relayed returns the protocol to answer where the application that is relayed
// to chooses none of those offered: our own, or none. A ticket alone is refused,
// as by [Offer.Choose].
func (o Offer) Relayed() (string, error) {
	switch {
	case slices.Contains(o.Protocols, ProtocolOwn):
		return ProtocolOwn, nil
	case len(o.Protocols) == 0 && len(o.Tickets) > 0:
		return "", ErrSubprotocol
	default:
		return "", nil
	}
}

// Theirs returns the offered protocols that are the application's.
func (o Offer) Theirs() []string {
	return slices.DeleteFunc(slices.Clone(o.Protocols), IsReserved)
}

// IsReserved tells whether name is ours in any spelling, so that it can be no
// application's.
func IsReserved(name string) bool {
	return strings.EqualFold(name, ProtocolOwn) ||
		len(name) >= len(ticketPrefix) && strings.EqualFold(name[:len(ticketPrefix)], ticketPrefix)
}
