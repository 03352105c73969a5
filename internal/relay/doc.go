// Package relay relays WebSockets to an application: it passes a handshake on,
// and when the application has accepted it, both connections become one
// [Tunnel]. It knows no tickets: what it relays has been admitted before.
//
// A tunnel is two pumps, one for each direction, each in a goroutine of its
// own. Frames pass as they are. Their headers are read on the way, and nothing
// else of them (RFC 6455 5.2), so that at any time it is known where a frame
// ends: between two frames a Close or a Ping of ours may be put. A pump is the
// only writer of its connection, and holds a buffer only while it has
// something to pass on. An idle tunnel costs two small stacks, two descriptors,
// a timer where silence is watched, and a kilobyte and a half beside.
package relay
