package test

import (
	"errors"

	"wsticket/ticket"
)

// Faults lists the faults that a New function found in its Options, each as
// package and field, such as "ws.Upstream.URL". What they say is in err itself.
func Faults(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, part := range joined.Unwrap() {
			all = append(all, Faults(part)...)
		}
		return all
	}
	if fault, ok := errors.AsType[*ticket.OptionError](err); ok {
		return []string{fault.Package + "." + fault.Field}
	}
	return nil
}
