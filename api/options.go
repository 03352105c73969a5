package api

import (
	"log/slog"
	"slices"
	"time"

	"wsticket/gate"
	"wsticket/internal/header"
	"wsticket/ticket"
)

func (o Options) withDefaults() Options {
	o.WSPaths = slices.Clone(o.WSPaths)
	if len(o.WSPaths) == 0 && o.Gate != nil {
		o.WSPaths = o.Gate.Paths()
	}
	if len(o.WSPaths) == 0 {
		o.WSPaths = []string{DefaultWSPath}
	}
	if o.SubjectLimit == nil {
		o.SubjectLimit = gate.NewRateLimiter(gate.DefaultPerSubject, time.Second)
	}
	if o.KeyLimit == nil {
		o.KeyLimit = gate.NewRateLimiter(gate.DefaultPerAddress, time.Second)
	}
	if o.Identifier == nil {
		o.Identifier = plainIdentifier{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// faults checks o, whose defaults are filled in.
func (o TicketOptions) faults() ticket.OptionErrors {
	f := ticket.OptionErrors{Package: "api"}
	f.Check(o.Gate != nil, "Gate", "required")
	f.Check(o.Issuer != nil, "Issuer", "required")
	f.Check(o.Receipts != nil, "Receipts", "required")
	f.Add("WSPaths", o.checkSocketPaths())
	f.Add("PublicURL", checkBase(o.PublicURL))
	for _, name := range o.CORSHeaders {
		f.Check(header.IsToken(name) && name != "*", "CORSHeaders", "must be names of headers, each of its own (got %q)", name)
	}
	return f
}
