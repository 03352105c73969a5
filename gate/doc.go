// Package gate decides whether a WebSocket handshake may pass. It is the one
// judge: package ws asks it about handshakes that come to this server, and
// package api about those that a proxy asks about (forward auth).
//
//	g, err := gate.New(gate.Options{Redeemer: tickets, Origins: origins})
//	candidate, err := g.Check(ctx, g.Received(r)) // costs nothing, spends nothing
//	grant, err := g.Admit(ctx, candidate)         // redeems the ticket
//
// Check comes first and refuses what could not succeed: the shape of the
// handshake (RFC 6455 4.2.1), Host, Origin, limits, anything but exactly one
// credential, and a malformed ticket. Admit then redeems the ticket, which is
// spent from there on, or verifies the bearer or the session cookie.
//
// A program that mounts package ws or package api needs [New] and [Options],
// and can ignore the rest. One that upgrades WebSockets itself also needs
// [Gate.Received], [Gate.Check], [Gate.Admit] and [Refusals].
//
// One [Table] says how each error is answered: status and code, close code, the
// word for logs and metrics, and what the client should do. Every ticket that
// is wrong gets the same answer, whatever is wrong with it.
package gate
