// Package live keeps the WebSockets that are open, from their 101 until their
// sockets are closed, so that they can be counted and ended. net/http knows
// nothing of a connection that was taken over.
//
// A connection ends when its grant does, in this process or relayed. All deadlines share
// one timer. When many connections end at once, they are closed in batches with pauses,
// so that the messages of the others go on.
//
// Each [Connection] keeps the grant that opened it. One ticket never has two
// connections in a process: if an attempt is retried within the retry window, the
// newer connection ends the older one.
//
// A program needs [New], [Registry.Shutdown] and [Registry.Stats]. [Connection],
// [Ender], [Notifier] and the other methods of [Registry] are for package ws.
package live
