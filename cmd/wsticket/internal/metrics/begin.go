package metrics

import (
	"net/http"
	"strconv"

	"wsticket/api"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// begin makes the series that alarms watch, with the value 0. A series that
// appears with its first event has no increase that an alarm could see.
func (m *Metrics) begin() {
	for _, action := range []ticket.Action{ticket.ActionIssue, ticket.ActionRedeem} {
		for _, reason := range []string{"ok", "unavailable"} {
			m.actions.WithLabelValues(string(action), reason)
		}
		m.durations.WithLabelValues(string(action))
	}
	for _, reason := range []string{"retried", "spent", "not_found", "expired", "fenced", "corrupt"} {
		m.actions.WithLabelValues(string(ticket.ActionRedeem), reason)
	}
	for _, kind := range redisstore.OutageKinds() {
		m.outages.WithLabelValues(string(kind))
	}
	for _, by := range []string{ticket.ByClient, ticket.ByUpstream, ticket.ByServer} {
		m.lasted.WithLabelValues(by)
	}
	for _, from := range []string{ticket.ByClient, ticket.ByUpstream} {
		m.faults.WithLabelValues(from)
	}
	for _, outcome := range []string{live.OutcomeReported, live.OutcomeEnded, live.OutcomeDropped} {
		m.tripwires.WithLabelValues(outcome)
	}
	for _, outcome := range []string{live.OutcomeKept, live.OutcomeOver, live.OutcomeUnavailable} {
		m.rechecks.WithLabelValues(outcome)
	}
	for _, outcome := range []string{api.OutcomeLoggedOut, api.OutcomeUnmatched, "refused", "error"} {
		m.logouts.WithLabelValues(outcome)
	}
	for _, outcome := range []string{api.OutcomeMatched, api.OutcomeUnmatched, api.OutcomeRepeated, api.OutcomeVerification, api.OutcomeUnknown, "refused", "error"} {
		m.secEvents.WithLabelValues(outcome)
	}
	for _, h := range handshakesToWatch {
		m.handshakes.WithLabelValues(h.door, h.outcome, h.reason)
	}
	for _, r := range requestsToWatch {
		m.requests.WithLabelValues(r.route, r.method, strconv.Itoa(r.status), r.reason)
	}
}

// handshakesToWatch and requestsToWatch are those of the alarms in
// docs/operations.md.
var handshakesToWatch = []struct{ door, outcome, reason string }{
	{"none", "refused", "credential_in_url"},
	{"none", "refused", "untrusted_peer"},
	{"none", "refused", "forwarded_headers"},
	{"none", "error", "unauthenticated"},
	{"first_message", "error", "unauthenticated"},
	{"query", "refused", "spent"},
	{"query", "error", "unavailable"},
}

var requestsToWatch = []struct {
	route, method string
	status        int
	reason        string
}{
	{"/consume", http.MethodPost, http.StatusBadRequest, "credential_in_url"},
	{"/consume", http.MethodPost, http.StatusUnauthorized, "unknown_key"},
	{"/consume", http.MethodPost, http.StatusServiceUnavailable, "unavailable"},
	{"/ws-ticket", http.MethodPost, http.StatusServiceUnavailable, "unavailable"},
}
