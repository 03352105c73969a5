package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// FenceMode says what a [Redis] does about failovers.
//
// A primary that fails over, or comes back from a file, may bring back tickets
// that were spent: replication and files lag behind. So a ticket is created
// with the replication identity of the primary, which changes each time, and
// is consumed under the same one only. What was open at that moment is refused
// with [ticket.ErrFenced], and its owner asks for another.
type FenceMode string

// The modes of the fence.
const (
	// FenceAuto fences where the server tells its replication identity (INFO
	// replication), and goes without a fence where it does not; [Redis.Probe]
	// says which. It is decided once, at the first contact: a server that stops
	// telling later is unavailable. Processes that have decided otherwise
	// refuse each other's tickets.
	FenceAuto FenceMode = "auto"
	// FenceRequire does not work with a server that does not tell.
	FenceRequire FenceMode = "require"
	// FenceOff goes without a fence. A server is then taken for the primary as
	// long as it lets itself be written to.
	FenceOff FenceMode = "off"
)

const (
	// checkFenceEvery is how old a fence may be that a new ticket gets. A
	// server that was made a replica and a primary again keeps its
	// connections, and nothing else would tell.
	checkFenceEvery = time.Second
	// maxFences bounds the nodes that are remembered. No cluster has more.
	maxFences = 1000
	// createTries is how often the primary may change while a ticket is
	// created.
	createTries = 3
)

// fences remembers under which fence each primary creates tickets, and whether
// there are fences at all. The scripts do not trust it: one that is stale
// leads to tickets that are refused.
type fences struct {
	clustered bool
	mu        sync.Mutex
	state     fencing
	nodes     map[string]knownFence // by address, or "" for the only one
}

type fencing int

const (
	undecided fencing = iota
	fencingOn
	fencingOff
)

type knownFence struct {
	id      fence
	checked time.Time
}

func newFences(mode FenceMode, clustered bool) *fences {
	f := &fences{clustered: clustered, nodes: make(map[string]knownFence)}
	switch mode {
	case FenceOff:
		f.state = fencingOff
	case FenceRequire:
		f.state = fencingOn
	default:
		f.state = undecided
	}
	return f
}

// now tells whether there are fences.
func (f *fences) now() fencing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// current returns the fence for a new ticket on the node, the zero one where
// there are none. Where ok is false the server has to be asked: by everybody
// while it is unknown, and by one caller each second.
func (f *fences) current(node string, at time.Time) (_ fence, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == fencingOff {
		return fence{}, true
	}
	known, ok := f.nodes[f.name(node)]
	if !ok {
		return fence{}, false
	}
	if at.Sub(known.checked) >= checkFenceEvery {
		known.checked = at
		f.nodes[f.name(node)] = known
		return fence{}, false
	}
	return known.id, true
}

// learn takes the answer of identityScript to what is known, and returns the
// fence. Where it is not one of a primary, it returns an *[OutageError].
func (f *fences) learn(node, answer string, at time.Time) (fence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := parseFence(answer)
	switch {
	case f.state == fencingOff:
		return fence{}, nil
	case ok:
		f.state = fencingOn
		if len(f.nodes) >= maxFences {
			clear(f.nodes)
		}
		f.nodes[f.name(node)] = knownFence{id, at}
		return id, nil
	case answer == "replica":
		delete(f.nodes, f.name(node))
		return fence{}, &OutageError{kind: OutageReadOnly}
	case f.state == undecided && answer == "hidden":
		f.state = fencingOff
		return fence{}, nil
	default:
		delete(f.nodes, f.name(node))
		return fence{}, &OutageError{kind: OutageFence}
	}
}

// forget makes the next Create on the node ask.
func (f *fences) forget(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, f.name(node))
}

// name is the address on a cluster alone: elsewhere it is the way to whichever
// server is the primary.
func (f *fences) name(node string) string {
	if f.clustered {
		return node
	}
	return ""
}

// onConnect returns what an opener does with each new connection to the node
// at addr: it learns the fence. So a server that was restarted is known for
// another one before it gets its first command.
func (f *fences) onConnect(addr string) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, conn *redis.Conn) error {
		if f.now() == fencingOff {
			return nil
		}
		answer, err := send(ctx, conn, "eval", identityScript, 0)
		if err == nil {
			_, _ = f.learn(addr, string(answer.value), time.Now())
			return nil
		}
		f.forget(addr)
		if _, ok := errors.AsType[redis.Error](err); ok {
			return nil // an answer too, and the command will get one of its own
		}
		return err // the answer may come yet, as if it were the next command's
	}
}

// attachFence returns the opener whose connections tell the store of o who is
// the primary.
func attachFence(o *RedisOptions, clustered bool) opener {
	o.fences = newFences(o.Fence, clustered)
	return opener{onConnect: o.fences.onConnect}
}

// node returns the name of the server that has the key.
func (r *Redis) node(ctx context.Context, key string) (string, error) {
	if r.lane.nodes == nil {
		return "", nil
	}
	node, err := r.lane.nodes.MasterForKey(ctx, key)
	if err != nil {
		return "", err
	}
	return node.Options().Addr, nil
}

// fence returns the one that a new ticket under the key gets.
func (r *Redis) fence(ctx context.Context, key string) (fence, error) {
	node, err := r.node(ctx, key)
	if err != nil {
		return fence{}, err
	}
	if f, ok := r.fences.current(node, time.Now()); ok {
		return f, nil
	}
	return r.askFence(ctx, key)
}

// askFence asks the server that has the key who it is.
func (r *Redis) askFence(ctx context.Context, key string) (fence, error) {
	node, way := "", r.lane.to(key)
	if r.lane.nodes != nil {
		client, err := r.lane.nodes.MasterForKey(ctx, key)
		if err != nil {
			return fence{}, err
		}
		node, way = client.Options().Addr, client
	}
	answer, err := run(ctx, way, r.identity, nil)
	if err != nil {
		return fence{}, err
	}
	return r.fences.learn(node, string(answer.value), time.Now())
}

// fenceNow returns the fence of the server that a command has come to. One that
// was sent on has come to a server which the client does not know of yet; a
// script with the same key gets there too.
func (r *Redis) fenceNow(ctx context.Context, key string, sentOn bool) (fence, error) {
	if !sentOn || r.fences.now() == fencingOff {
		return r.fence(ctx, key)
	}
	answer, err := run(ctx, r.client, r.identity, []string{key})
	if err != nil {
		return fence{}, err
	}
	f, ok := parseFence(string(answer.value))
	if !ok {
		return fence{}, &OutageError{kind: OutageFence}
	}
	return f, nil
}

// fenced tells which guard a script gets, and asks the server where that has
// not been decided yet.
func (r *Redis) fenced(ctx context.Context, key string) (bool, error) {
	state := r.fences.now()
	if state == undecided {
		if _, err := r.askFence(ctx, key); err != nil {
			return false, err
		}
		state = r.fences.now()
	}
	return state == fencingOn, nil
}

// notice learns from an error that the primary may be another one. A refusal
// tells the fence that holds now; on a cluster it may be that of a server which
// the client does not know of yet.
func (r *Redis) notice(ctx context.Context, key string, err error) {
	id, refused := fencedBy(err)
	if refused && r.lane.nodes == nil {
		_, _ = r.fences.learn("", id, time.Now())
		return
	}
	kind := outageKind(err)
	if refused || kind == OutageReadOnly || kind == OutageLoading || kind == OutageConnection {
		if node, err := r.node(ctx, key); err == nil {
			r.fences.forget(node)
		}
	}
	if r.lane.nodes != nil {
		// The library does so where it sends a command again, which it does not
		// with ours, and by itself once a minute.
		r.lane.nodes.ReloadState(ctx)
	}
}
