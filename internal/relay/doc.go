// Package relay forwards WebSocket connections to one upstream application. It
// sends the handshake of a client to the application. Once the application has
// accepted it, the two connections form a [Tunnel]. The package knows nothing
// of tickets: its callers admit clients before they relay them.
//
// A tunnel has two pumps, one for each direction, each in its own goroutine. A
// pump forwards frames unchanged and parses only their headers (RFC 6455 5.2)
// and Close frames. It therefore always knows where the current frame ends, and
// can insert a Close or Ping frame of its own between two frames. It also knows
// when a peer breaks the rules of framing, and closes the tunnel instead of
// forwarding such a frame. Each connection has one pump as its only writer. A
// pump holds a buffer only while it has data to forward. An idle tunnel costs two
// small goroutine stacks, two file descriptors, a timer if [Options.Ping] or
// [Options.IdleTimeout] is set, and about 1.6 KiB.
package relay
