package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// client is an authenticator for requests from an address, empty for an unknown one.
type client struct {
	*auth.Sessions
	addr string
}

func (c client) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	addr, _ := netip.ParseAddr(c.addr)
	return c.Sessions.Authenticate(ticket.WithRequest(ctx, ticket.RequestInfo{ClientIP: addr}), bearer)
}

// holding answers invented cookies only after release is closed, and others at once.
func holding(release <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") == "sid="+cookie {
			says(200, `{"sub":"u-1"}`)(w, r)
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		says(401, "")(w, r)
	}
}

// invent shows so many invented cookies from the addresses by turns, and returns the
// reasons for which they are refused.
func invent(t *testing.T, s *auth.Sessions, times int, addrs ...string) <-chan string {
	t.Helper()
	reasons := make(chan string, times)
	for n := range times {
		go func() { // ends with the answer
			_, err := client{s, addrs[n%len(addrs)]}.Authenticate(t.Context(), ticket.NewBearer(fmt.Sprint("invented-", n)))
			reasons <- ticket.Reason(err)
		}()
	}
	return reasons
}

// TestShareOfLookups: invented cookies of one address, or of one network of them,
// neither take all the application's time nor the whole queue. The session of
// somebody else is looked up meanwhile.
func TestShareOfLookups(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		addrs          []string
		asked, waiting int
	}{
		"one address":           {[]string{"203.0.113.1"}, 16, 128},
		"an IPv6 /64":           {[]string{"2001:db8::1", "2001:db8::2"}, 16, 128},
		"an IPv6 /48":           {[]string{"2001:db8:0:100::1", "2001:db8:0:200::1", "2001:db8:0:300::1", "2001:db8:0:400::1", "2001:db8:0:500::1"}, 32, 512},
		"a trusted proxy's own": {[]string{"10.0.0.1"}, 32, 512},
		"unknown addresses":     {[]string{""}, 32, 512},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			a := newApplication(t, holding(release))
			s := a.sessions(t, func(o *auth.SessionOptions) {
				o.Timeout, o.TrustedProxies = time.Minute, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			})
			const times = 600
			reasons := invent(t, s, times, row.addrs...)
			for range times - row.waiting {
				if got := <-reasons; got != "session_busy_per_address" {
					t.Errorf("one too many: got %s, want session_busy_per_address", got)
				}
			}
			test.Wait(t, "its share is used", func() bool { return a.asked.Load() == int64(row.asked) })
			check(t, client{s, "198.51.100.7"}, "somebody else", cookie, "ok")
			if got := a.asked.Load(); got != int64(row.asked)+1 {
				t.Errorf("asked %d times at once, want %d and that of somebody else", got, row.asked)
			}
			check(t, client{s, row.addrs[0]}, "remembered, from a flooded address", cookie, "ok")
			close(release)
			for range row.waiting {
				if got := <-reasons; got != "session_refused" {
					t.Errorf("one that waited: got %s, want session_refused", got)
				}
			}
		})
	}
}

// TestShareOfLookupsInTime: who waits for a turn of a flooded address until the time
// is over learns that it is the address, and that the place is free again.
func TestShareOfLookupsInTime(t *testing.T) {
	t.Parallel()
	a := newApplication(t, holding(nil))
	s := a.sessions(t, func(o *auth.SessionOptions) { o.Timeout = 500 * time.Millisecond })
	counts := make(map[string]int)
	reasons := invent(t, s, 100, "203.0.113.1")
	for range 100 {
		counts[<-reasons]++
	}
	// A caller whose turn comes as the time runs out may get either.
	if counts["session_busy_per_address"]+counts["session_unreachable"] != 100 || counts["session_unreachable"] < 16 {
		t.Errorf("got %v, want 100 without an answer, 16 of whom had asked", counts)
	}
	if got := <-invent(t, s, 1, "203.0.113.1"); got != "session_unreachable" {
		t.Errorf("afterwards: got %s, want a turn", got)
	}
}
