package ticket_test

import (
	"errors"
	"testing"

	"wsticket/ticket"
)

func TestOptionErrors(t *testing.T) {
	inner := ticket.OptionErrors{Package: "relay"}
	inner.Check(false, "URL", "must have a host")
	faults := ticket.OptionErrors{Package: "ws"}
	faults.Check(true, "Ping", "never added")
	faults.Add("Endpoint", nil)
	faults.Add("Upstream", inner.Err())
	faults.Add("Hosts", errors.Join(errors.New("first"), errors.New("second")))

	const want = "ws: Upstream.URL: must have a host\nws: Hosts: first\nws: Hosts: second"
	if got := faults.Err(); got == nil || got.Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if fault, ok := errors.AsType[*ticket.OptionError](faults.Err()); !ok || fault.Field != "Upstream.URL" {
		t.Errorf("got %v, want the field of the nested Options", fault)
	}
	if none := (&ticket.OptionErrors{Package: "ws"}).Err(); none != nil {
		t.Errorf("got %v, want no error without faults", none)
	}
}
