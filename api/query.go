package api

import (
	"net/url"
	"strconv"
	"strings"

	"wsticket/gate"
	"wsticket/ticket"
)

// expected is a parameter that an endpoint has. rule says what its value must be. set
// takes the value, and reports whether it is that.
type expected struct {
	name, rule string
	set        func(value string) bool
}

// readQuery sets the parameters of a query, each of which may stand once. A query with
// others is refused.
func readQuery(raw string, known []expected) error {
	fields, err := url.ParseQuery(raw)
	if err != nil {
		return badRequest("query: not a form")
	}
	names := make([]string, 0, len(known))
	for _, p := range known {
		values, there := fields[p.name]
		delete(fields, p.name)
		names = append(names, p.name)
		if there && (len(values) > 1 || !p.set(values[0])) {
			return badParameter(p.name, p.name+": "+p.rule+", and stand once")
		}
	}
	for name := range fields {
		last := len(names) - 1
		return badParameter(name, "query: an unknown parameter; known are "+strings.Join(names[:last], ", ")+" and "+names[last])
	}
	return nil
}

// badParameter returns the error of a parameter, which the log names.
func badParameter(name, detail string) error {
	return ticket.WithAttrs(badRequest(detail), gate.ParameterAttr(name))
}

// notEmpty sets a text that must not be empty.
func notEmpty(into *string) func(string) bool {
	return func(value string) bool {
		*into = value
		return value != ""
	}
}

// wholeUpTo sets a whole number of 1 to most.
func wholeUpTo(into *int, most int) func(string) bool {
	return func(value string) (ok bool) {
		n, err := strconv.Atoi(value)
		*into = n
		return err == nil && n > 0 && n <= most
	}
}
