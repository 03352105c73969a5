// Package testenv starts real servers for tests on free loopback ports and stops
// them when the test ends: [Redis], [RedisTLS] and [Replica], the topologies
// [Sentinel] and [Cluster], the database [Postgres], and the reverse proxies [Nginx],
// [HAProxy], [Caddy] and [Traefik]. Tests run against the programs that run in production, not against
// imitations. A [Proxy] between a test and Redis simulates faults of the network.
//
// install.sh installs missing programs, or builds them with build.sh. "make test"
// and "make e2e" run it first.
//
// The functions report errors with tb.Fatal, so call them from the goroutine that
// runs the test.
package testenv
