// Package e2e holds the tests that take real processes: several wsticket on
// one Redis, many clients, the faults that networks and servers have, and the
// clients, applications and browsers of other people. They are slower than the
// others, so that each file of them has the build tag "e2e" and "make e2e" runs
// them.
package e2e
