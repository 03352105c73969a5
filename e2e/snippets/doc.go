// Package snippets holds the tests that run the programs in docs/, as they
// stand there, against a real wsticket. The build tag is "e2e", so that "make
// e2e" runs them.
package snippets
