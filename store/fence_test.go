package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

func wantFence(t *testing.T, f *fences, node string, at time.Time, want fence, wantOK bool) {
	t.Helper()
	if got, ok := f.current(node, at); got != want || ok != wantOK {
		t.Errorf("current: got %q, %v; want %q, %v", got, ok, want, wantOK)
	}
}

func mustLearn(t *testing.T, f *fences, node string, id fence, at time.Time) {
	t.Helper()
	if got, err := f.learn(node, string(id[:]), at); err != nil || got != id {
		t.Fatalf("learn: got %q, %v; want %q", got, err, id)
	}
}

func otherFence() fence { return fence([]byte(strings.Repeat("f", 40))) }

// A fence is asked for while it is unknown, and once a second after that, by
// one caller; the others go on with what is known.
func TestFenceIsCheckedEachSecond(t *testing.T) {
	start := time.Now()
	f := newFences(FenceRequire, false)
	wantFence(t, f, "", start, fence{}, false)
	wantFence(t, f, "", start, fence{}, false)
	mustLearn(t, f, "", testFence(), start)
	wantFence(t, f, "", start.Add(checkFenceEvery-1), testFence(), true)
	wantFence(t, f, "", start.Add(checkFenceEvery), fence{}, false)
	wantFence(t, f, "", start.Add(checkFenceEvery), testFence(), true)
	mustLearn(t, f, "", otherFence(), start.Add(checkFenceEvery))
	wantFence(t, f, "", start.Add(checkFenceEvery), otherFence(), true)
	f.forget("")
	wantFence(t, f, "", start.Add(checkFenceEvery), fence{}, false)
}

// The nodes of a cluster have fences of their own. Elsewhere there is one
// primary, by whatever name it is reached.
func TestFenceOfEachNode(t *testing.T) {
	now := time.Now()
	nodes := newFences(FenceAuto, true)
	mustLearn(t, nodes, "a:1", testFence(), now)
	mustLearn(t, nodes, "b:1", otherFence(), now)
	wantFence(t, nodes, "a:1", now, testFence(), true)
	wantFence(t, nodes, "b:1", now, otherFence(), true)
	nodes.forget("a:1")
	wantFence(t, nodes, "a:1", now, fence{}, false)
	wantFence(t, nodes, "b:1", now, otherFence(), true)

	one := newFences(FenceAuto, false)
	mustLearn(t, one, "mymaster", testFence(), now)
	wantFence(t, one, "", now, testFence(), true)
}

func TestFenceMemoryIsBounded(t *testing.T) {
	f := newFences(FenceAuto, true)
	for i := range 3 * maxFences {
		mustLearn(t, f, fmt.Sprint(i), testFence(), time.Now())
	}
	if got := len(f.nodes); got > maxFences {
		t.Errorf("nodes: got %d, want at most %d", got, maxFences)
	}
}

// What the first answer decides holds for good: a server that hides later what
// it has told may be another one.
func TestFenceModes(t *testing.T) {
	id := testFence()
	told := string(id[:])
	tests := []struct {
		rule    string
		mode    FenceMode
		answers []string
		want    fencing
		kind    OutageKind // of the last answer, empty for none
	}{
		{"auto waits for the server", FenceAuto, nil, undecided, ""},
		{"auto fences where the server tells", FenceAuto, []string{told}, fencingOn, ""},
		{"auto goes without where it does not", FenceAuto, []string{"hidden"}, fencingOff, ""},
		{"and stays there", FenceAuto, []string{"hidden", told}, fencingOff, ""},
		{"auto that has begun to fence goes on", FenceAuto, []string{told, "hidden"}, fencingOn, OutageFence},
		{"a replica decides nothing", FenceAuto, []string{"replica"}, undecided, OutageReadOnly},
		{"nor does what nobody understands", FenceAuto, []string{"?"}, undecided, OutageFence},
		{"require fences from the start", FenceRequire, nil, fencingOn, ""},
		{"require does not go without", FenceRequire, []string{"hidden"}, fencingOn, OutageFence},
		{"off asks nobody", FenceOff, nil, fencingOff, ""},
		{"off believes nobody", FenceOff, []string{told}, fencingOff, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFences(tt.mode, false)
			var err error
			for _, answer := range tt.answers {
				_, err = f.learn("", answer, time.Now())
			}
			if got := f.now(); got != tt.want {
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

// After an answer that is no fence of a primary, nothing is known any more.
func TestFenceIsForgotten(t *testing.T) {
	for _, answer := range []string{"replica", "hidden", ""} {
		f := newFences(FenceRequire, false)
		now := time.Now()
		mustLearn(t, f, "", testFence(), now)
		if _, err := f.learn("", answer, now); err == nil {
			t.Errorf("learn %q: got no error", answer)
		}
		wantFence(t, f, "", now, fence{}, false)
	}
}
