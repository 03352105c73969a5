package api_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"wsticket/internal/limit"
	"wsticket/ticket"
)

func perMinute(events int) *limit.Limiter[string] {
	return limit.New[string](limit.Rate{Events: events, Per: time.Minute}, 100, noon)
}

// exhausted returns a limiter that the client of forward auth has reached.
func exhausted() *limit.Limiter[string] {
	l := perMinute(1)
	l.Allow(limit.AddrKey(netip.MustParseAddr("203.0.113.5")))
	return l
}

func TestSubjectLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.SubjectLimit = perMinute(2) })
	expect(t, "first", h.post(t, ""), 201, "")
	expect(t, "second", h.post(t, ""), 201, "")
	w := h.post(t, "", "Origin", page)
	expect(t, "third", w, 429, "rate_limited")
	if got := w.Header().Get("Retry-After"); got != "30" {
		t.Errorf("Retry-After: got %q, want 30: half a minute is one of two events", got)
	}
	h.became(t, "third", "refused", "rate_limited")
	status, _ := h.get(t, unknownID, good)
	if status != 429 {
		t.Errorf("receipts count too: got %d, want 429", status)
	}
	if status, _ := h.get(t, unknownID, other); status != 404 {
		t.Errorf("somebody else has a limit of their own: got %d, want 404", status)
	}
	if h.issued() != 2 {
		t.Errorf("got %d tickets, want 2", h.issued())
	}
}

// TestSubjectLimitKeepsIssuersApart: issuer and subject name a user only together.
func TestSubjectLimitKeepsIssuersApart(t *testing.T) {
	t.Parallel()
	users := map[string]ticket.Identity{
		"a": {Issuer: "https://a", Subject: "b"},
		"b": {Issuer: "https://a.b", Subject: "b"},
		"c": {Issuer: "https://a", Subject: ".bb"},
	}
	h := newHouse(t, func(o *parts) {
		o.SubjectLimit = perMinute(1)
		o.Gate.Authenticator = authenticate(func(text string) (ticket.Identity, error) {
			who := users[text]
			who.ExpiresAt = noon().Add(time.Hour)
			return who, nil
		})
	})
	for name := range users {
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", "Bearer "+name))
		expect(t, "user "+name, w, 201, "")
	}
}

func TestAddressLimit(t *testing.T) {
	t.Parallel()
	var asked int
	h := newHouse(t, func(o *parts) {
		o.Gate.AddressLimit = perMinute(1)
		o.Gate.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		o.Gate.Authenticator = authenticate(func(string) (ticket.Identity, error) {
			asked++
			return ticket.Identity{}, ticket.ErrInvalidBearer
		})
	})
	for _, row := range []struct {
		rule, peer string
		forwarded  []string
		status     int
	}{
		{"the first from an address", "192.0.2.1:80", nil, 401},
		{"the second", "192.0.2.1:81", nil, 429},
		{"L5 what it says of itself changes nothing", "192.0.2.1:82", []string{"1.1.1.1"}, 429},
		{"another address", "192.0.2.2:80", nil, 401},
		{"L5 behind a proxy", "10.0.0.1:80", []string{"6.6.6.6, 192.0.2.3"}, 401},
		{"L5 behind it again, with another lie", "10.0.0.1:80", []string{"7.7.7.7, 192.0.2.3"}, 429},
		{"an address that cannot be read is the proxy's", "10.0.0.1:80", []string{"x"}, 401},
		{"another one", "10.0.0.1:80", []string{"y"}, 429},
		{"behind another proxy", "10.0.0.2:80", []string{"x"}, 401},
		{"a user in the proxies' network", "10.0.0.1:80", []string{"10.7.7.7"}, 401},
	} {
		before := asked
		r := newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good,
			"True-Client-Ip", "9.9.9.9", "Forwarded", "for=9.9.9.9", "X_Forwarded_For", "9.9.9.9")
		r.RemoteAddr = row.peer
		if row.forwarded != nil {
			r.Header["X-Forwarded-For"] = row.forwarded
		}
		w := h.public(t, r)
		if w.Code != row.status {
			t.Errorf("%s: got %d, want %d", row.rule, w.Code, row.status)
		}
		if w.Code == 429 && (asked != before || w.Header().Get("Retry-After") != "60") {
			t.Errorf("%s: got Retry-After %q, asked is %t, want 60, and no signature checked",
				row.rule, w.Header().Get("Retry-After"), asked != before)
		}
	}
}

// TestRetryAfterIsNeverZero: a short wait is rounded up.
func TestRetryAfterIsNeverZero(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) {
		o.SubjectLimit = limit.New[string](limit.Rate{Events: 1, Per: time.Millisecond}, 100, noon)
	})
	h.post(t, "")
	w := h.post(t, "")
	if got := w.Header().Get("Retry-After"); w.Code != 429 || got != "1" {
		t.Errorf("got %d, Retry-After %q, want 429, 1", w.Code, got)
	}
}
