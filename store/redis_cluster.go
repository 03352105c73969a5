package store

import "github.com/redis/go-redis/v9"

// maxRedirects is how often a node may send a command on: to the one that has
// the slot (MOVED), and from there to the one that is about to have it (ASK).
// A node that sends a command on has not run it.
const maxRedirects = 2

// cluster returns a client that sends each command to the master that has the
// slot of its key. A master that is gone leaves the other ones usable.
func (o opener) cluster(s *redis.UniversalOptions) *redis.ClusterClient {
	settings := s.Cluster()
	settings.MaxRedirects = maxRedirects
	// The policies are about commands with many keys or none. To learn them,
	// the client would ask for the table of all commands, which takes a right
	// that nothing else needs.
	settings.DisableRoutingPolicies = true
	settings.NewClient = func(node *redis.Options) *redis.Client {
		node.OnConnect = o.hook(node.Addr)
		return redis.NewClient(node)
	}
	return redis.NewClusterClient(settings)
}
