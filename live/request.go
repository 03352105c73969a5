package live

import (
	"context"
	"encoding/hex"
	"net/netip"
	"unique"

	"wsticket/ticket"
)

// Request is what a [Connection] keeps of the request that was upgraded, for its events:
// as little as possible, for as long as the connection lives. The zero Request is none.
type Request struct {
	id            string
	caller, route unique.Handle[string] // of which there are few
	client        netip.Addr
	trace         [16]byte
}

// RequestOf returns what is kept of the request in a context: its ID, Caller, ClientIP,
// Route and TraceID; see [ticket.WithRequest].
func RequestOf(ctx context.Context) Request {
	info := ticket.RequestOf(ctx)
	r := Request{id: info.ID, caller: unique.Make(info.Caller), route: unique.Make(info.Route), client: info.ClientIP}
	if trace, err := hex.DecodeString(info.TraceID); err == nil && len(trace) == len(r.trace) {
		copy(r.trace[:], trace)
	}
	return r
}

func (r Request) info() ticket.RequestInfo {
	if r.caller == (unique.Handle[string]{}) {
		return ticket.RequestInfo{}
	}
	info := ticket.RequestInfo{ID: r.id, Caller: r.caller.Value(), ClientIP: r.client, Route: r.route.Value()}
	if r.trace != [16]byte{} {
		info.TraceID = hex.EncodeToString(r.trace[:])
	}
	return info
}
