package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/store/internal/record"
)

// FenceMode says how a [Store] protects single use across failovers.
//
// A primary that fails over, or restarts from a file, may bring back tickets
// that were spent, because replication and files lag behind. So the record of a
// ticket keeps the replication identity of the primary that created it, which
// changes with each failover and restart, and is consumed only under the same
// one. Tickets from before are refused with [ticket.ErrFenced], and their
// owners ask for new ones.
type FenceMode string

// The modes of the fence.
const (
	// FenceAuto uses a fence if the server reports its replication identity
	// (INFO replication), and none otherwise; see [Store.Probe]. It is decided
	// once, at the first contact: a server that stops reporting it later is
	// unavailable. Processes that decided differently refuse each other's
	// tickets.
	FenceAuto FenceMode = "auto"
	// FenceRequire treats a server that does not report it as unavailable.
	FenceRequire FenceMode = "require"
	// FenceOff uses no fence. Any server that accepts writes is taken for the
	// primary.
	FenceOff FenceMode = "off"
)

const (
	// fenceMaxAge is how old the known fence may be when a ticket is created. A
	// server that became a replica and a primary again keeps its connections
	// open, so that only asking it again shows the change.
	fenceMaxAge = time.Second
	// maxFences limits the nodes that are remembered. No cluster has more.
	maxFences = 1000
)

// fenceTable remembers the fence of each primary, and whether there are fences
// at all. The scripts do not rely on it: with a stale fence, a ticket is
// created that they refuse.
type fenceTable struct {
	clustered bool
	steps     []guardedScript
	mu        sync.Mutex
	decision  fencing
	nodes     map[string]knownFence // by address; by "" if there is one primary
}

// fencing is whether a store uses fences.
type fencing int

const (
	fencingUndecided fencing = iota
	fencingOn
	fencingOff
)

type knownFence struct {
	fence   record.Fence
	checked time.Time
}

func newFenceTable(mode FenceMode, clustered bool) *fenceTable {
	f := &fenceTable{clustered: clustered, steps: newScripts().steps(), nodes: make(map[string]knownFence)}
	switch mode {
	case FenceOff:
		f.decision = fencingOff
	case FenceRequire:
		f.decision = fencingOn
	default:
		f.decision = fencingUndecided
	}
	return f
}

// fencing returns whether there are fences.
func (f *fenceTable) fencing() fencing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.decision
}

// current returns the fence for a new ticket on the node, the zero one if there
// are none. If ok is false, the caller has to ask the server: every caller while
// the fence is unknown, and one caller each second after that.
func (f *fenceTable) current(node string, now time.Time) (_ record.Fence, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decision == fencingOff {
		return record.Fence{}, true
	}
	known, ok := f.nodes[f.nodeKey(node)]
	if !ok {
		return record.Fence{}, false
	}
	if now.Sub(known.checked) >= fenceMaxAge {
		known.checked = now
		f.nodes[f.nodeKey(node)] = known
		return record.Fence{}, false
	}
	return known.fence, true
}

// known returns the fence of the one primary, empty if there is not one that is known.
func (f *fenceTable) known() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decision != fencingOn || len(f.nodes) != 1 {
		return ""
	}
	for _, node := range f.nodes {
		return string(node.fence[:])
	}
	return ""
}

// learn takes a reply to the identity script, and returns the fence. If the
// reply is not that of a primary, it returns an [*OutageError].
func (f *fenceTable) learn(node, identity string, now time.Time) (record.Fence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fence, ok := record.ParseFence(identity)
	switch {
	case f.decision == fencingOff:
		return record.Fence{}, nil
	case ok:
		f.decision = fencingOn
		if len(f.nodes) >= maxFences {
			clear(f.nodes)
		}
		f.nodes[f.nodeKey(node)] = knownFence{fence, now}
		return fence, nil
	case identity == "replica":
		delete(f.nodes, f.nodeKey(node))
		return record.Fence{}, &OutageError{kind: OutageReadOnly}
	case f.decision == fencingUndecided && identity == "hidden":
		f.decision = fencingOff
		return record.Fence{}, nil
	default:
		delete(f.nodes, f.nodeKey(node))
		return record.Fence{}, &OutageError{kind: OutageFence}
	}
}

// forget makes the next Create on the node ask the server.
func (f *fenceTable) forget(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, f.nodeKey(node))
}

// nodeKey is the address on a cluster. Elsewhere there is one primary at a time,
// whatever its address is.
func (f *fenceTable) nodeKey(addr string) string {
	if f.clustered {
		return addr
	}
	return ""
}

// onConnect returns a hook that learns the fence of the server at addr on each
// new connection, and makes the server know the scripts, in one round trip. So a
// restart of the server is noticed before the first command, and the first refusal
// for each reason sends no more than later ones, and takes no longer.
func (f *fenceTable) onConnect(addr string) connectHook {
	return func(ctx context.Context, conn *redis.Conn) error {
		if f.fencing() == fencingOff {
			return unlessReplied(f.load(ctx, conn, nil))
		}
		identity := onceCmd{redis.NewStringCmd(ctx, "eval", identityScript, 0)}
		err := f.load(ctx, conn, identity)
		if r, failed := replyTo(identity.StringCmd, identity.Err()); failed == nil {
			_, _ = f.learn(addr, string(r.value), time.Now())
		} else {
			f.forget(addr)
			err = failed
		}
		return unlessReplied(err)
	}
}

// load sends the scripts without a key, and first before them, if it is not nil.
func (f *fenceTable) load(ctx context.Context, conn *redis.Conn, first redis.Cmder) error {
	off := f.fencing() == fencingOff
	_, err := conn.Pipelined(ctx, func(p redis.Pipeliner) error {
		if first != nil {
			_ = p.Process(ctx, first) // which a pipeline only queues
		}
		for _, step := range f.steps {
			text := step.fenced.text
			if off {
				text = step.unfenced.text
			}
			_ = p.Process(ctx, onceCmd{redis.NewStringCmd(ctx, "eval", text, 0)})
		}
		return nil
	})
	return err
}

// unlessReplied returns err, and nil if it is a reply: the command for which the
// connection was made will get an error of its own. A late reply would be taken
// for that to the next command.
func unlessReplied(err error) error {
	if _, ok := errors.AsType[redis.Error](err); ok {
		return nil
	}
	return err
}
