package redisstore_test

import (
	"testing"

	"wsticket/store/redisstore"
)

func TestMaxConns(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]int{
		"redis://127.0.0.1:1?pool_size=7":                 7,
		"redis+sentinel://name@127.0.0.1:1?pool_size=7":   7,
		"redis+cluster://127.0.0.1:1,[::1]:1?pool_size=7": 42, // of six nodes
	} {
		s, err := redisstore.Open(url, redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.MaxConns(); got != want {
			t.Errorf("%s: got %d, want %d", url, got, want)
		}
		_ = s.Close()
	}
}
