// Package redisstore keeps tickets in Redis, for any number of processes. It
// needs Redis 6.2 or later: one server, a primary behind Sentinels, or a
// cluster.
//
// # Single use
//
// The live record is the capability: a ticket is accepted because its record is
// there and not spent. A record that is lost, evicted, expired or unreadable is
// a refusal (ASVS 16.5.3). A spent mark serves retries, replay detection and
// receipts.
//
// Consume is one script on one key. No command is sent twice: if the client
// library repeated one, "consumed, and the reply was lost" would turn into
// "spent by another attempt". A lost reply is [ticket.ErrUnavailable], even
// though the command may have run. For the same reason the store makes its own
// client, with retries and reads from replicas off.
//
// # Fence
//
// A primary that fails over, or restarts from a file, may bring back tickets
// that were spent: see [FenceMode]. [Store.Probe] reports what holds.
//
// # Outages
//
// If Redis gives no usable answer, the error is an [*OutageError]. A fixed word
// for logs and metrics says why. No error contains an address or a password.
package redisstore
