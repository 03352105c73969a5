// Package testenv starts real servers for tests, on free loopback ports, and
// stops them when the test ends: [Redis] and [RedisTLS], a [Replica], and the
// arrangements that replace a dead primary or share the load, [Sentinel] and
// [Cluster]; and the proxies [Nginx], [HAProxy], [Caddy] and [Traefik]. Nothing
// here imitates a server: what a test proves, it proves about the program that
// runs in production. A [Proxy] stands before a Redis and does what networks do.
//
// install.sh installs the programs that are started here where they are
// missing, or has build.sh build them; "make test" and "make e2e" run it first.
//
// The functions report trouble with tb.Fatal, so call them from the goroutine
// that runs the test.
package testenv
