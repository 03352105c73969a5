package redisstore

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// PipelineThreshold is the number of concurrent callers from which on they
// share pipelines.
const PipelineThreshold = pipelineThreshold

// UsePipeline replaces the threshold and the options of the pipelines of s. A
// negative threshold means none.
func UsePipeline(s *Store, threshold int64, o *redis.AutoPipelineOptions) {
	if o == nil {
		o = pipelineOptions()
	}
	s.pipeline.init(s.client, threshold, o)
}

// NewOn returns a store on a client that [Open] would not make. Its connections
// have no hook that learns the fence.
func NewOn(client redis.UniversalClient, o Options) *Store {
	o = o.withDefaults()
	_, clustered := client.(clusterNodes)
	return newStore(client, newFenceTable(o.Fence, clustered), o)
}

// ShortLeases returns the places of the store with another life.
func ShortLeases(s *Store, life time.Duration) *Leases {
	l := s.Leases()
	l.life = life
	return l
}
