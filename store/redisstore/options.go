package redisstore

import (
	"time"

	"wsticket/ticket"
)

const (
	// DefaultPrefix is the default of [Options].Prefix.
	DefaultPrefix = "wst:"
	// DefaultTimeout is the default of [Options].Timeout.
	DefaultTimeout = 400 * time.Millisecond

	// DefaultStreamRetention is the default of [Options].StreamRetention: the longest
	// bearer that an issuer may have by default, and an hour.
	DefaultStreamRetention = 25 * time.Hour

	maxPrefix = 64
)

// Options are the settings of a [Store]. The zero value is usable.
type Options struct {
	// Prefix is the beginning of each key; the ticket's ID is the rest. Letters,
	// digits and "._:-", at most 64 of them. Default [DefaultPrefix].
	Prefix string
	// Dir is the folder that relative names of files in the URL are relative to.
	// Default: the working directory.
	Dir string
	// Retention is how long a ticket is kept after its life, as a spent mark or
	// as a record that nobody has consumed. At least 1 ms; default [ticket.DefaultRetention].
	Retention time.Duration
	// StreamRetention is how long entries of the stream are kept: as long as what they
	// revoke can live. At least a minute; default [DefaultStreamRetention].
	StreamRetention time.Duration
	// Timeout limits each operation. A command may still run after it; the
	// answer is [ticket.ErrUnavailable]. At least 1 ms; default
	// [DefaultTimeout].
	Timeout time.Duration
	// Fence says how the store protects single use across failovers. Default
	// [FenceAuto].
	Fence FenceMode
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Retention == 0 {
		o.Retention = ticket.DefaultRetention
	}
	if o.StreamRetention == 0 {
		o.StreamRetention = DefaultStreamRetention
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Fence == "" {
		o.Fence = FenceAuto
	}
	return o
}

func (o Options) check(faults *ticket.OptionErrors) {
	// A glob pattern would have another meaning in an ACL rule, and a hash tag
	// on a cluster.
	faults.Check(len(o.Prefix) <= maxPrefix && isName(o.Prefix), "Prefix",
		"must be letters, digits and ._:- and at most %d (got %q)", maxPrefix, o.Prefix)
	faults.Check(o.Retention >= time.Millisecond, "Retention", "must be at least 1ms (got %s)", o.Retention)
	faults.Check(o.StreamRetention >= time.Minute, "StreamRetention", "must be at least 1m (got %s)", o.StreamRetention)
	faults.Check(o.Timeout >= time.Millisecond, "Timeout", "must be at least 1ms (got %s)", o.Timeout)
	known := o.Fence == FenceAuto || o.Fence == FenceRequire || o.Fence == FenceOff
	faults.Check(known, "Fence", "must be auto, require or off (got %q)", o.Fence)
}

// isName reports whether s has letters, digits and ._:- alone.
func isName(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '.' && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return true
}
