package ticket

import (
	"errors"
	"fmt"
)

// OptionError is a fault in one field of an Options struct. The New functions
// of this module return one for each fault, joined by [errors.Join], so that a
// program that fills Options from a configuration of its own can name its keys.
type OptionError struct {
	// Package is the package of the Options, such as "ws".
	Package string
	// Field is the path of the field, such as "Upstream.URL" or
	// "Issuers[1].JWKSURL".
	Field string
	// Err says what is wrong and what is accepted. It holds no secret.
	Err error
}

// Error returns package, field and fault.
func (e *OptionError) Error() string { return e.Package + ": " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the fault.
func (e *OptionError) Unwrap() error { return e.Err }

// OptionErrors collects the faults of one Options struct. It is for those who
// write a New function; the zero value with a Package is ready to use.
type OptionErrors struct {
	Package string
	faults  []error
}

// Check adds a fault of field unless ok.
func (f *OptionErrors) Check(ok bool, field, format string, args ...any) {
	if !ok {
		f.Add(field, fmt.Errorf(format, args...))
	}
}

// Add adds err as a fault of field, and does nothing if err is nil. Each part
// of a joined error becomes a fault. If a part is an [*OptionError], because
// the field holds Options itself, its Field is appended to field.
func (f *OptionErrors) Add(field string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			f.Add(field, part)
		}
		return
	}
	if inner, ok := errors.AsType[*OptionError](err); ok {
		field, err = join(field, inner.Field), inner.Err
	}
	if err != nil {
		f.faults = append(f.faults, &OptionError{Package: f.Package, Field: field, Err: err})
	}
}

func join(field, inner string) string {
	if field == "" {
		return inner
	}
	return field + "." + inner
}

// Err returns all faults joined, nil if there are none.
func (f *OptionErrors) Err() error { return errors.Join(f.faults...) }
