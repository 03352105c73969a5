package gate_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// redeemed is a Redeemer that admits everybody as alice.
type redeemed struct{}

func (redeemed) Redeem(_ context.Context, token ticket.Token, _ ticket.Presentation) (ticket.Grant, error) {
	return ticket.Grant{ID: token.ID(), Identity: test.Alice()}, nil
}

// authFunc is an Authenticator of a function.
type authFunc func(context.Context, ticket.Bearer) (ticket.Identity, error)

func (f authFunc) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	return f(ctx, bearer)
}

// everybody accepts every bearer as alice's.
func everybody(context.Context, ticket.Bearer) (ticket.Identity, error) { return test.Alice(), nil }

func TestNewNamesEveryFault(t *testing.T) {
	good := func(change func(*gate.Options)) gate.Options {
		o := gate.Options{Redeemer: redeemed{}, Origins: []string{"https://app.example.com"}}
		change(&o)
		return o
	}
	for rule, row := range map[string]struct {
		options gate.Options
		want    []string
	}{
		"nothing is set": {gate.Options{}, []string{"gate.Redeemer", "gate.AllowMissingOrigin"}},
		"lists": {
			good(func(o *gate.Options) {
				o.Origins, o.Hosts = []string{"*", "app.example.com"}, []string{"https://x"}
				o.TrustedProxies = []netip.Prefix{{}}
			}),
			[]string{"gate.TrustedProxies", "gate.Origins", "gate.Origins", "gate.Hosts"},
		},
		"a door that there is not":         {good(func(o *gate.Options) { o.Doors = []ticket.Door{"window", ticket.DoorConsume} }), []string{"gate.Doors", "gate.Doors"}},
		"the cookie door without sessions": {good(func(o *gate.Options) { o.Doors = []ticket.Door{ticket.DoorCookie} }), []string{"gate.Doors"}},
		"a cookie without sessions":        {good(func(o *gate.Options) { o.SessionCookie = "sid" }), []string{"gate.SessionCookie"}},
		"the name of a cookie": {
			good(func(o *gate.Options) { o.Sessions, o.SessionCookie = authFunc(everybody), "a b" }), []string{"gate.SessionCookie"},
		},
		// A session counts from a page alone.
		"sessions without origins": {
			good(func(o *gate.Options) {
				o.Sessions, o.SessionCookie, o.Origins, o.AllowMissingOrigin = authFunc(everybody), "sid", nil, true
			}),
			[]string{"gate.Origins"},
		},
	} {
		if g, err := gate.New(row.options); g != nil || !slices.Equal(test.Faults(err), row.want) {
			t.Errorf("%s: New = %v, %v, want faults of %q", rule, g, err, row.want)
		}
	}
}

func TestTicketParameterNames(t *testing.T) {
	for name, want := range map[string]bool{
		"ticket": true, "token": true, "ws-ticket_2": true, "access_token": false, "Token": false, "a b": false, "a=": false, "ü": false,
	} {
		g, err := gate.New(gate.Options{Redeemer: redeemed{}, AllowMissingOrigin: true, TicketParameter: name})
		if (err == nil) != want || want && g.TicketParameter() != name {
			t.Errorf("parameter %q: %v, want accepted = %v", name, err, want)
		}
	}
}
