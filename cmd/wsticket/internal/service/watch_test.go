package service

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"wsticket/internal/test"
)

// A change counts when two looks see the same, and once.
func TestWatched(t *testing.T) {
	t.Parallel()
	config, key := test.WriteFile(t, "wsticket.yaml", "a"), test.WriteFile(t, "seal.keys", "1")
	late := filepath.Join(t.TempDir(), "late.pem")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var w watched
	w.begin(config, []string{key, late})
	want := func(rule string, names ...string) {
		t.Helper()
		if got := w.look(); !slices.Equal(got, names) {
			t.Errorf("%s: got %q, want %q", rule, got, names)
		}
	}
	want("nothing has changed")
	write(config, "b")
	want("the first look at a change")
	write(config, "bc")
	want("it goes on")
	want("it has ended", config)
	want("it is known")
	write(key, "2")
	want("a change")
	write(key, "1")
	want("that was undone")
	want("and again")
	write(late, "x")
	want("a file that is there now, at first")
	want("a file that is there now", late)
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	want("a file that is gone, at first")
	want("a file that is gone", late)

	write(key, "3")
	w.take()
	want("what was taken")
	w.add([]string{config, late + "2"})
	want("a file more")
	write(late+"2", "x")
	want("which comes")
	w.only([]string{key})
	want("and does not matter any more")
	want("nor later")
}
