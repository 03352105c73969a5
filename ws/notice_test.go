package ws_test

import (
	"strings"
	"testing"
	"time"

	"wsticket/ws"
)

// Who is told that the connection nearly ends: clients of an Endpoint, those that have
// sent a first message, and with Notices all. It comes at once here, because the grant
// has less than an hour left.
func TestExpiryNotice(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	for rule, row := range map[string]struct {
		relayed, notices, firstMessage, told bool
	}{
		"in process":                {told: true},
		"in process, first message": {firstMessage: true, told: true},
		"relayed":                   {relayed: true},
		"relayed, first message":    {relayed: true, firstMessage: true, told: true},
		"relayed, switched on":      {relayed: true, notices: true, told: true},
		"relayed, both":             {relayed: true, notices: true, firstMessage: true, told: true},
		"off":                       {},
		"off, first message":        {firstMessage: true},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			f := messageFixture(t, func(s *setup) {
				if row.told || row.relayed {
					s.live.ExpiryNotice = time.Hour
				}
				if row.relayed {
					s.ws.Endpoint, s.ws.Upstream = nil, &ws.Upstream{URL: u.URL, Identity: who{}, Notices: row.notices}
				}
			})
			var got answer
			if row.firstMessage {
				got = f.await(t, auth(goodBearer))
				got.authenticated(t)
			} else {
				got = f.connect(t)
			}
			if told := got.hearsNotice(t, row.told); told != row.told {
				t.Errorf("told %t, want %t", told, row.told)
			}
		})
	}
}

// hearsNotice reads until the application has answered and, where one is expected, the
// notice has come. It reports whether there was exactly one.
func (a answer) hearsNotice(t *testing.T, expected bool) bool {
	t.Helper()
	notices, answered := 0, false
	a.say(t, frame(opText, "ping"))
	for !answered || expected && notices == 0 {
		_, text := a.readFrame(t)
		answered = answered || text == "ping"
		if strings.HasPrefix(text, `{"type":"auth_expiring","expiresAt":"`) {
			notices++
		}
	}
	return notices == 1
}
