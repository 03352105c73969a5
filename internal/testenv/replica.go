package testenv

import (
	"context"
	"slices"
	"testing"

	"wsticket/internal/test"
)

// Replica starts a replica of the server at an address, which may be that of a
// [Proxy], and returns when it is in sync. The args are those of [Redis].
func Replica(tb testing.TB, of string, args ...string) *RedisServer {
	tb.Helper()
	host, port := split(tb, of)
	s := Redis(tb, slices.Concat([]string{"--replicaof", host + " " + port}, args)...)
	s.follow()
	return s
}

// follow waits until the server is in sync with its primary.
func (s *RedisServer) follow() {
	s.tb.Helper()
	ctx := lasting(s.tb)
	test.Wait(s.tb, "the replica is in sync with its primary", func() bool {
		return info(ctx, s.addr, "replication")["master_link_status"] == "up"
	})
}

// IsPrimary reports whether the server says that it is a primary. It is false if
// the server does not answer.
func (s *RedisServer) IsPrimary(ctx context.Context) bool {
	return info(ctx, s.addr, "replication")["role"] == "master"
}
