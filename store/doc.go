// Package store keeps tickets: [Memory] in this process, [Redis] for any
// number of processes. Both implement ticket.Store, and storetest is the suite
// that both pass.
//
// The live record is the capability. A ticket is good because its record is
// there and says that nobody spent it; whatever is lost, evicted, expired or
// unreadable can only lead to a refusal (ASVS 16.5.3). A spent mark serves
// replay detection and receipts, never the decision to admit. A record that may
// have been brought back, by a failover or a restart, is fenced: see [FenceMode].
package store
