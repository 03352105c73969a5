package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"wsticket/store/internal/record"
	"wsticket/ticket"
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

// The first reply decides for good: a server that hides its identity later may be
// another one.
func TestFenceModes(t *testing.T) {
	id := testFence()
	reported := string(id[:])
	tests := []struct {
		rule    string
		mode    FenceMode
		answers []string
		want    fencing
		kind    OutageKind // of the last answer, empty for none
	}{
		{"auto waits for the server", FenceAuto, nil, fencingUndecided, ""},
		{"auto fences if the server reports an identity", FenceAuto, []string{reported}, fencingOn, ""},
		{"auto goes without if it does not", FenceAuto, []string{"hidden"}, fencingOff, ""},
		{"and stays there", FenceAuto, []string{"hidden", reported}, fencingOff, ""},
		{"auto that has begun to fence does not stop", FenceAuto, []string{reported, "hidden"}, fencingOn, OutageFence},
		{"a replica decides nothing", FenceAuto, []string{"replica"}, fencingUndecided, OutageReadOnly},
		{"nor does an unknown reply", FenceAuto, []string{"?"}, fencingUndecided, OutageFence},
		{"require fences from the start", FenceRequire, nil, fencingOn, ""},
		{"require does not go without", FenceRequire, []string{"hidden"}, fencingOn, OutageFence},
		{"off needs no reply", FenceOff, nil, fencingOff, ""},
		{"off ignores replies", FenceOff, []string{reported}, fencingOff, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFenceTable(tt.mode, false)
			var err error
			for _, answer := range tt.answers {
				_, err = f.learn("", answer, time.Now())
			}
			if got := f.fencing(); got != tt.want {
				t.Errorf("state: got %d, want %d", got, tt.want)
			}
			outage, failed := errors.AsType[*OutageError](err)
			if failed != (tt.kind != "") || failed && outage.Kind() != tt.kind {
				t.Errorf("error: got %v, want kind %q", err, tt.kind)
			}
			if err != nil && !errors.Is(err, ticket.ErrUnavailable) {
				t.Errorf("error: got %v, want ErrUnavailable", err)
			}
		})
	}
}

// A reply that is not the identity of a primary clears what was known.
func TestFenceIsForgotten(t *testing.T) {
	for _, answer := range []string{"replica", "hidden", ""} {
		f := newFenceTable(FenceRequire, false)
		now := time.Now()
		mustLearn(t, f, "", testFence(), now)
		if _, err := f.learn("", answer, now); err == nil {
			t.Errorf("learn %q: got no error", answer)
		}
		wantFence(t, f, "", now, record.Fence{}, false)
	}
}
