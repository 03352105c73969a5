package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// bus connects registries in one process, as a store does.
type bus struct {
	mu    sync.Mutex
	nodes map[string]func(context.Context, []byte) []byte
	// spoil changes what a process answers. Nil: nothing does.
	spoil func(node string, answer []byte) (string, []byte)
}

func (b *bus) Ask(ctx context.Context, question []byte) (map[string][]byte, []string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.nodes) == 0 {
		return nil, nil, fmt.Errorf("ask: %w", ticket.ErrUnavailable)
	}
	answers, missing := make(map[string][]byte), []string(nil)
	for node, f := range b.nodes {
		got := f(ctx, question)
		if got == nil {
			missing = append(missing, node)
			continue
		}
		if b.spoil != nil {
			node, got = b.spoil(node, got)
		}
		answers[node] = got
	}
	return answers, missing, nil
}

func (b *bus) Serve(ctx context.Context, node string, answer func(context.Context, []byte) []byte) {
	b.mu.Lock()
	b.nodes[node] = answer
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.nodes, node)
}

func (b *bus) serving() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.nodes)
}

// onBus returns registries that serve the bus, each with its key.
func onBus(t *testing.T, b *bus, keys ...byte) []*Registry {
	t.Helper()
	b.nodes = make(map[string]func(context.Context, []byte) []byte)
	all := make([]*Registry, len(keys))
	for i, key := range keys {
		r, err := New(Options{Peers: b, SealKeys: [][]byte{bytes.Repeat([]byte{key}, ticket.SealKeyLen)}})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.ServePeers(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
	}
	test.Wait(t, "all to serve", func() bool { return b.serving() == len(keys) })
	return all
}

func names(all []*Registry) []string {
	var list []string
	for _, r := range all {
		list = append(list, r.node)
	}
	slices.Sort(list)
	return list
}

func TestAskReachesEveryProcess(t *testing.T) {
	t.Parallel()
	b := &bus{}
	all := onBus(t, b, 1, 1, 1)
	got, err := all[1].ask(t.Context(), "no such kind", "data")
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got.By)), names(all)) || len(got.Missing) > 0 {
		t.Errorf("got %+v, %v; want answers of %q", got, err, names(all))
	}
	if _, err := all[0].ask(t.Context(), "kind", func() {}); err == nil {
		t.Error("what is no JSON: got no error")
	}
}

// A process with another key neither learns a question nor answers one.
func TestAskIsSealed(t *testing.T) {
	t.Parallel()
	b := &bus{}
	all := onBus(t, b, 1, 2)
	got, err := all[0].ask(t.Context(), "kind", nil)
	if want := []string{all[1].node}; err != nil || len(got.By) != 1 || !slices.Equal(got.Missing, want) {
		t.Errorf("got %+v, %v; want %q missing", got, err, want)
	}
}

// Whoever can write to the store cannot answer: not under another name, not with a kept
// answer, not with text.
func TestForgedAnswersAreMissing(t *testing.T) {
	t.Parallel()
	kept := make(map[string][]byte)
	for name, spoil := range map[string]func(string, []byte) (string, []byte){
		"text":          func(node string, _ []byte) (string, []byte) { return node, []byte(`{"id":"x"}`) },
		"another name":  func(_ string, a []byte) (string, []byte) { return "somebody", a },
		"a kept answer": func(node string, _ []byte) (string, []byte) { return node, kept[node] },
	} {
		b := &bus{}
		r := onBus(t, b, 1)[0]
		b.spoil = func(node string, a []byte) (string, []byte) {
			kept[node] = a
			return node, a
		}
		if got, err := r.ask(t.Context(), "kind", nil); err != nil || len(got.By) != 1 {
			t.Fatalf("got %+v, %v; want one answer", got, err)
		}
		b.spoil = spoil
		if got, err := r.ask(t.Context(), "kind", nil); err != nil || len(got.By) != 0 || len(got.Missing) != 1 {
			t.Errorf("%s: got %+v, %v; want no answer", name, got, err)
		}
	}
}

// A question that somebody kept is not answered later.
func TestOldQuestionsAreNotAnswered(t *testing.T) {
	t.Parallel()
	b := &bus{}
	r := onBus(t, b, 1)[0]
	for age, want := range map[time.Duration]bool{0: true, questionLife / 2: true, 2 * questionLife: false, -2 * questionLife: false} {
		plain, err := json.Marshal(question{ID: "x", At: time.Now().Add(-age), Kind: "kind"})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.answerSealed(t.Context(), r.seal().Seal(purposeQuestion, plain)); (got != nil) != want {
			t.Errorf("of %s ago: got an answer %t, want %t", age, got != nil, want)
		}
	}
}

func TestAskAlone(t *testing.T) {
	t.Parallel()
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.ServePeers(t.Context()) // returns at once
	if got, err := r.ask(t.Context(), "kind", nil); err != nil || len(got.By) != 1 || len(got.Missing) > 0 {
		t.Errorf("got %+v, %v; want one answer", got, err)
	}
	_, err = New(Options{Peers: &bus{}})
	if err == nil {
		t.Error("Peers without SealKeys: got no error")
	}
}

func TestAskOutage(t *testing.T) {
	t.Parallel()
	r := onBus(t, &bus{}, 1)[0]
	r.o.Peers = &bus{}
	if _, err := r.ask(t.Context(), "kind", nil); ticket.Reason(err) != "unavailable" {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
