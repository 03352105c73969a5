// Package archtest holds the import rule of the repository in its test: which
// room may know which, and which library is whose. It contains no code.
package archtest
