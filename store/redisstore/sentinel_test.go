package redisstore_test

import (
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

func TestSentinel(t *testing.T) {
	t.Parallel()
	servers := testenv.Sentinel(t)
	conform(t, servers.URL(), servers.Primary())

	t.Run("a name that they do not know is no answer about tickets", func(t *testing.T) {
		url := strings.Replace(servers.URL(), testenv.SentinelName+"@", "other@", 1)
		for _, mode := range []redisstore.FenceMode{redisstore.FenceAuto, redisstore.FenceOff} {
			s, err := redisstore.Open(url, redisstore.Options{Fence: mode})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { mustClose(t, s) })
			for what, err := range fixture.Operations(t, t.Context(), s, ticket.NewID()) {
				wantKind(t, what, err, redisstore.OutageSetup)
			}
			wantKind(t, "ping", s.Ping(t.Context()), redisstore.OutageSetup)
			wantKind(t, "check eviction", s.CheckEviction(t.Context()), redisstore.OutageSetup)
		}
	})
	t.Run("one of them may be frozen", func(t *testing.T) {
		for _, frozen := range servers.Sentinels() {
			frozen.Freeze()
			s := openHasty(t, servers.URL())
			test.Wait(t, "a new ticket", func() bool {
				return create(t, s) == nil
			})
			frozen.Thaw()
		}
	})
}
