package ws

import (
	"fmt"
	"slices"
	"strings"

	"wsticket/internal/handshake"
)

// faults lists everything that is wrong with o, whose defaults are filled in.
func (o Options) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("ws: "+format, args...)) }
	if o.Redeemer == nil {
		fault("redeemer: required")
	}
	if (o.Endpoint == nil) == (o.Upstream == "") {
		fault("either endpoint or upstream: required")
	}
	if o.Upstream != "" && o.Identity == nil {
		fault("identity: required with upstream")
	}
	if len(o.Origins) == 0 && !o.AllowMissingOrigin {
		fault("origins: none, and a missing one is not allowed either: nobody could connect")
	}
	if !isParameterName(o.TicketParameter) {
		fault("ticket parameter: must be lower-case letters, digits, - and _, and not access_token (got %q)", o.TicketParameter)
	}
	for i, name := range o.Subprotocols {
		if !handshake.IsToken(name) || handshake.IsReserved(name) || handshake.ContainsFold(o.Subprotocols[:i], name) {
			fault("subprotocols: must be different tokens, not wsticket.v1 and not ticket.… (got %q)", name)
		}
	}
	if o.MaxMessage < 0 {
		fault("max message: must be positive (got %d)", o.MaxMessage)
	}
	if o.AuthTimeout < 0 {
		fault("auth timeout: must be positive (got %s)", o.AuthTimeout)
	}
	if o.Unauthenticated < 0 || o.UnauthenticatedPerAddress < 0 {
		fault("unauthenticated: must be positive (got %d, %d per address)", o.Unauthenticated, o.UnauthenticatedPerAddress)
	}
	return append(faults, o.doorFaults()...)
}

func (o Options) doorFaults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("ws: "+format, args...)) }
	known := []Door{DoorQuery, DoorSubprotocol, DoorHeader, DoorCookie, DoorFirstMessage}
	for _, door := range o.Doors {
		if !slices.Contains(known, door) {
			fault("doors: must be query, subprotocol, header, cookie or first_message (got %q)", door)
		}
	}
	cookie := slices.Contains(o.Doors, DoorCookie)
	if cookie && o.Sessions == nil {
		fault("doors: cookie needs sessions")
	}
	if cookie && len(o.Origins) == 0 {
		fault("doors: cookie needs origins: a session counts from a listed page only")
	}
	if (o.Sessions == nil) != (o.SessionCookie == "") {
		fault("sessions and session cookie go together")
	}
	if o.SessionCookie != "" && !handshake.IsToken(o.SessionCookie) {
		fault("session cookie: must be a token (got %q)", o.SessionCookie)
	}
	return faults
}

// isParameterName accepts names that have one spelling in a query and are not
// those of a bearer (RFC 6750 2.3). "token" may hold tickets.
func isParameterName(name string) bool {
	return name != "access_token" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
