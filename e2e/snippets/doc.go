// Package snippets has tests that run the programs in docs/ against a real wsticket.
// They have the build tag "e2e", and "make e2e" runs them.
package snippets
