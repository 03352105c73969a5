package redisstore

import (
	"context"
	"time"

	"wsticket/store/internal/record"
)

// Fence returns the replication identity of the primary as it is known, without asking. It
// is empty while it is unknown, without a fence, and for a cluster of several primaries.
func (s *Store) Fence() string { return s.fences.known() }

// nodeFor returns a processor for the server that has the key, and its address.
// The address is empty if there is one primary.
func (s *Store) nodeFor(ctx context.Context, key string) (addr string, p processor, err error) {
	if s.pipeline.nodes == nil {
		return "", s.pipeline.forKey(key), nil
	}
	node, err := s.pipeline.nodes.MasterForKey(ctx, key)
	if err != nil {
		return "", nil, err
	}
	return node.Options().Addr, node, nil
}

// fenceFor returns the fence for a new ticket with the key.
func (s *Store) fenceFor(ctx context.Context, key string) (record.Fence, error) {
	addr, _, err := s.nodeFor(ctx, key)
	if err != nil {
		return record.Fence{}, err
	}
	if fence, ok := s.fences.current(addr, time.Now()); ok {
		return fence, nil
	}
	return s.askFence(ctx, key)
}

// askFence asks the server that has the key for its fence.
func (s *Store) askFence(ctx context.Context, key string) (record.Fence, error) {
	addr, node, err := s.nodeFor(ctx, key)
	if err != nil {
		return record.Fence{}, err
	}
	r, err := runScript(ctx, node, s.scripts.identity, nil)
	if err != nil {
		return record.Fence{}, err
	}
	return s.fences.learn(addr, string(r.value), time.Now())
}

// fenceAfter returns the fence of the server that has run a command. If the
// command was redirected, that is one which the client does not know as the
// owner of the slot yet; a script with the same key is redirected to it too.
func (s *Store) fenceAfter(ctx context.Context, key string, redirected bool) (record.Fence, error) {
	if !redirected || s.fences.fencing() == fencingOff {
		return s.fenceFor(ctx, key)
	}
	r, err := runScript(ctx, s.client, s.scripts.identity, []string{key})
	if err != nil {
		return record.Fence{}, err
	}
	fence, ok := record.ParseFence(string(r.value))
	if !ok {
		return record.Fence{}, &OutageError{kind: OutageFence}
	}
	return fence, nil
}

// isFenced reports whether the store uses fences. It asks the server if that is
// undecided.
func (s *Store) isFenced(ctx context.Context, key string) (bool, error) {
	decision := s.fences.fencing()
	if decision == fencingUndecided {
		if _, err := s.askFence(ctx, key); err != nil {
			return false, err
		}
		decision = s.fences.fencing()
	}
	return decision == fencingOn, nil
}

// learnFromError updates the fences after an error that may mean that the
// primary has changed. FENCED comes with the current fence; on a cluster that
// may be the fence of a node which the client does not know yet.
func (s *Store) learnFromError(ctx context.Context, key string, err error) {
	nodes := s.pipeline.nodes
	identity, fenced := fencedBy(err)
	if fenced && nodes == nil {
		_, _ = s.fences.learn("", identity, time.Now())
		return
	}
	kind := kindOf(err)
	if fenced || kind == OutageReadOnly || kind == OutageLoading || kind == OutageConnection {
		if addr, _, err := s.nodeFor(ctx, key); err == nil {
			s.fences.forget(addr)
		}
	}
	if nodes != nil {
		// The library does this before it sends a command again, which it never
		// does with ours, and otherwise once a minute.
		nodes.ReloadState(ctx)
	}
}
