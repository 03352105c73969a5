package service

import (
	"strings"
	"testing"

	"wsticket/cmd/wsticket/internal/config"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	set := func(change func(*config.Config)) config.Config {
		cfg := config.Default()
		change(&cfg)
		return cfg
	}
	relayed := func(c *config.Config) { c.WS.Upstream = "http://app" }
	for _, row := range []struct {
		rule                                string
		cfg                                 config.Config
		files, pool                         int
		public, ofAddress, internal, health int
		warned                              bool
	}{
		{"no more than the limit", config.Default(), maxFiles, 0, 1<<20 - 64 - 4096 - 64, (1<<20 - 64 - 4096 - 64) / 4, 4096, 64, false},
		{"a container", config.Default(), 1024, 20, 1024 - 64 - 20 - 64 - 16, 215, 64, 16, false},
		{"relayed, each has two", set(relayed), 1024, 20, (1024 - 64 - 20 - 64 - 16) / 2, 107, 64, 16, false},
		{"what issuers and lookups need", set(func(c *config.Config) {
			c.Issuers, c.Session.LookupURL = make([]config.Issuer, 3), "http://app"
		}), 1024, 0, 1024 - 64 - 3*4 - 64 - 64 - 16, 201, 64, 16, false},
		{"a pool has a quarter at most", config.Default(), 1024, 100_000, 1024 - 64 - 256 - 64 - 16, 156, 64, 16, false},
		{"too few", config.Default(), 32, 10, 16, 4, 16, 4, false},
		{"as set", set(func(c *config.Config) { c.Public.MaxConnections = 500 }), 1024, 0, 500, 125, 64, 16, false},
		{"both as set", set(func(c *config.Config) { c.Public.MaxConnections, c.Public.MaxPerAddress = 500, 400 }), 1024, 0, 500, 400, 64, 16, false},
		{"more than the limit allows", set(func(c *config.Config) { c.Public.MaxConnections = 5000 }), 1024, 0, 5000, 1250, 64, 16, true},
		{"one", set(func(c *config.Config) { c.Public.MaxConnections = 1 }), 1024, 0, 1, 1, 64, 16, false},
	} {
		p := newPlaces(row.cfg, row.files, row.pool)
		if p.public != row.public || p.ofAddress != row.ofAddress || p.internal != row.internal || p.health != row.health {
			t.Errorf("%s: got %+v, want %d, %d, %d, %d", row.rule, p, row.public, row.ofAddress, row.internal, row.health)
		}
		var w warnings
		p.warn(&w)
		if got := len(w) == 1 && strings.HasPrefix(w[0], "public.max_connections: "); got != row.warned || len(w) > 1 {
			t.Errorf("%s: got warnings %q, want one: %t", row.rule, w, row.warned)
		}
	}
}
