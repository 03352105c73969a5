// Package e2e has the tests with real processes: several wsticket with one Redis, many
// clients, faults of networks and servers, other WebSocket libraries, browsers and
// proxies. They are slower than other tests, so they have the build tag "e2e", and
// "make e2e" runs them. TestChaos lets all of this happen at once.
package e2e
