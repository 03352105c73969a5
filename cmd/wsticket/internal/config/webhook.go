package config

import (
	"slices"
	"strings"

	"wsticket/internal/httpclient"
	"wsticket/ticket"
)

// postable are the kinds that webhook.events may have: all but the access log.
var postable = []string{
	string(ticket.EventIssue), string(ticket.EventRedeem), string(ticket.EventRefuse), string(ticket.EventReplay),
	string(ticket.EventTripwire), string(ticket.EventRecheck), string(ticket.EventFence), string(ticket.EventRevoke),
	string(ticket.EventAdmit), string(ticket.EventConnect), string(ticket.EventRenew), string(ticket.EventDisconnect), string(ticket.EventLimit),
}

// validate checks what needs no file.
func (w Webhook) validate(f *ticket.OptionErrors) {
	for _, kind := range w.Events {
		f.Check(slices.Contains(postable, kind), "webhook.events", "%q is none of %s", kind, strings.Join(postable, ", "))
	}
	if w.URL == "" {
		return
	}
	f.Add("webhook.url", httpclient.CheckURL(w.URL, w.Insecure))
	f.Check(len(w.Events) > 0, "webhook.events", "must name at least one")
	f.Check(w.SecretFile != "", "webhook.secret_file", "required with webhook.url: the receiver has to know who sends (openssl rand -hex 32 > webhook.key)")
}
