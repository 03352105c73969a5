package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wsticket/store/internal/record"
)

func wantFence(t *testing.T, f *fenceTable, node string, at time.Time, want record.Fence, wantOK bool) {
	t.Helper()
	if got, ok := f.current(node, at); got != want || ok != wantOK {
		t.Errorf("current: got %q, %v; want %q, %v", got, ok, want, wantOK)
	}
}

func mustLearn(t *testing.T, f *fenceTable, node string, id record.Fence, at time.Time) {
	t.Helper()
	if got, err := f.learn(node, string(id[:]), at); err != nil || got != id {
		t.Fatalf("learn: got %q, %v; want %q", got, err, id)
	}
}

func testFence() record.Fence {
	return record.Fence([]byte("0123456789abcdef0123456789abcdef01234567"))
}

func otherFence() record.Fence { return record.Fence([]byte(strings.Repeat("f", 40))) }

// While the fence is unknown each caller asks for it. After that one caller asks
// each second, and the others use the one that is known.
func TestFenceIsCheckedEachSecond(t *testing.T) {
	start := time.Now()
	f := newFenceTable(FenceRequire, false)
	wantFence(t, f, "", start, record.Fence{}, false)
	wantFence(t, f, "", start, record.Fence{}, false)
	mustLearn(t, f, "", testFence(), start)
	wantFence(t, f, "", start.Add(fenceMaxAge-1), testFence(), true)
	wantFence(t, f, "", start.Add(fenceMaxAge), record.Fence{}, false)
	wantFence(t, f, "", start.Add(fenceMaxAge), testFence(), true)
	mustLearn(t, f, "", otherFence(), start.Add(fenceMaxAge))
	wantFence(t, f, "", start.Add(fenceMaxAge), otherFence(), true)
	f.forget("")
	wantFence(t, f, "", start.Add(fenceMaxAge), record.Fence{}, false)
}

// The nodes of a cluster have a fence each. Elsewhere there is one primary,
// whatever its address is.
func TestFenceOfEachNode(t *testing.T) {
	now := time.Now()
	nodes := newFenceTable(FenceAuto, true)
	mustLearn(t, nodes, "a:1", testFence(), now)
	mustLearn(t, nodes, "b:1", otherFence(), now)
	wantFence(t, nodes, "a:1", now, testFence(), true)
	wantFence(t, nodes, "b:1", now, otherFence(), true)
	nodes.forget("a:1")
	wantFence(t, nodes, "a:1", now, record.Fence{}, false)
	wantFence(t, nodes, "b:1", now, otherFence(), true)

	one := newFenceTable(FenceAuto, false)
	mustLearn(t, one, "mymaster", testFence(), now)
	wantFence(t, one, "", now, testFence(), true)
}

func TestFenceMemoryIsBounded(t *testing.T) {
	f := newFenceTable(FenceAuto, true)
	for i := range 3 * maxFences {
		mustLearn(t, f, fmt.Sprint(i), testFence(), time.Now())
	}
	if got := len(f.nodes); got > maxFences {
		t.Errorf("nodes: got %d, want at most %d", got, maxFences)
	}
}
