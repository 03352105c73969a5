package ws

import (
	"slices"
	"strings"
)

const (
	// protocolOwn is answered where the application has no protocol of its
	// own among those offered. It says nothing about the frames.
	protocolOwn = "wsticket.v1"
	// ticketPrefix marks an offered "protocol" that is a ticket.
	ticketPrefix = "ticket."
	// maxProtocols bounds the entries of an offer.
	maxProtocols = 16
)

// offer is Sec-WebSocket-Protocol, taken apart.
type offer struct {
	// tickets are the token texts of the ticket entries, protocols all other
	// entries in the client's order of preference.
	tickets, protocols []string
}

// parseOffer takes the header apart, which is empty where lines are none
// (RFC 6455 11.3.4). Two entries that differ in case only are as good as
// duplicates: the library would take one for the other. So is "Ticket.": it
// is no ticket, and who redacts tickets may think it one.
func parseOffer(lines []string) (offer, error) {
	entries := listOf(lines)
	if len(entries) > maxProtocols || listTooLong(lines) {
		return offer{}, errHandshake
	}
	var o offer
	for i, entry := range entries {
		if !isToken(entry) || containsFold(entries[:i], entry) {
			return offer{}, errHandshake
		}
		token, isTicket := strings.CutPrefix(entry, ticketPrefix)
		switch {
		case isTicket:
			o.tickets = append(o.tickets, token)
		case isReserved(entry) && entry != protocolOwn:
			return offer{}, errHandshake
		default:
			o.protocols = append(o.protocols, entry)
		}
	}
	return o, nil
}

// choose returns the protocol to answer: the first offered one that the
// application serves, else our own if offered. An offer that holds neither is
// refused, although RFC 6455 would let us answer none: browsers fail the
// connection then, and the ticket would be spent for nothing.
func (o offer) choose(served []string) (string, error) {
	for _, name := range o.protocols {
		if slices.Contains(served, name) {
			return name, nil
		}
	}
	switch {
	case slices.Contains(o.protocols, protocolOwn):
		return protocolOwn, nil
	case len(o.protocols)+len(o.tickets) > 0:
		return "", errSubprotocol
	default:
		return "", nil
	}
}

// isReserved tells whether name is ours in any spelling, so that it can be no
// application's.
func isReserved(name string) bool {
	return strings.EqualFold(name, protocolOwn) ||
		len(name) >= len(ticketPrefix) && strings.EqualFold(name[:len(ticketPrefix)], ticketPrefix)
}
