package store

import "github.com/redis/go-redis/v9"

// Crowd is from how many callers at once a pipeline is used.
const Crowd = crowd

// UsePipeline replaces from how many callers at once r uses a pipeline, and
// its options. A negative number means never.
func UsePipeline(r *Redis, from int64, o *redis.AutoPipelineOptions) {
	if o == nil {
		o = pipelineOptions()
	}
	r.lane.open(r.client, from, o)
}
