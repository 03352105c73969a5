package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

// RunStreams runs the suite of [ticket.Stream] on stores that are one.
func RunStreams(t *testing.T, fresh Factory) {
	for name, run := range map[string]func(tb testing.TB, s, twin ticket.Stream){
		"an entry is read as it was written": entriesComeBack,
		"all of many are read, once each":    manyEntries,
		"a reader waits for an entry":        readerWaits,
		"another epoch begins again":         foreignEpoch,
		"an ended context is ErrUnavailable": endedStream,
	} {
		t.Run(name, func(t *testing.T) {
			subject := fresh(t)
			s, ok := subject.Store.(ticket.Stream)
			if !ok {
				t.Fatal("the store is no ticket.Stream")
			}
			twin, ok := subject.Twin.(ticket.Stream)
			if !ok {
				twin = s
			}
			run(t, s, twin)
		})
	}
}

func mustAppend(tb testing.TB, s ticket.Stream, entry []byte) ticket.Position {
	tb.Helper()
	at, err := s.Append(tb.Context(), entry)
	if err != nil || at == (ticket.Position{}) {
		tb.Fatalf("append: got %v, %v; want a position", at, err)
	}
	return at
}

func mustRead(tb testing.TB, s ticket.Stream, after ticket.Position) ticket.Batch {
	tb.Helper()
	b, err := s.Read(tb.Context(), after)
	if err != nil {
		tb.Fatalf("read: %v", err)
	}
	return b
}

func entriesComeBack(tb testing.TB, s, twin ticket.Stream) {
	tb.Helper()
	entry := []byte("a\x00b\n\xff")
	at := mustAppend(tb, s, entry)
	b := mustRead(tb, twin, ticket.Position{})
	if len(b.Entries) != 1 || !bytes.Equal(b.Entries[0], entry) || !b.Restarted || b.Gap || b.Next != at {
		tb.Errorf("read: got %+v, want %q up to %v, restarted", b, entry, at)
	}
	empty := mustRead(tb, twin, b.Next)
	if len(empty.Entries) != 0 || empty.Restarted || !empty.Next.Covers(at) {
		tb.Errorf("read at the end: got %+v, want nothing", empty)
	}
}

func manyEntries(tb testing.TB, s, twin ticket.Stream) {
	tb.Helper()
	const entries = 1200
	var last ticket.Position
	for i := range entries {
		at := mustAppend(tb, s, fmt.Append(nil, i))
		if !at.Covers(last) || at == last {
			tb.Fatalf("append: %v after %v", at, last)
		}
		last = at
	}
	var got []string
	for at := (ticket.Position{}); !at.Covers(last) || at == (ticket.Position{}); {
		b := mustRead(tb, twin, at)
		if b.Restarted != (at == ticket.Position{}) || b.Gap {
			tb.Fatalf("read: restarted %v, gap %v after %v", b.Restarted, b.Gap, at)
		}
		for _, entry := range b.Entries {
			got = append(got, string(entry))
		}
		at = b.Next
	}
	want := make([]string, entries)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if !slices.Equal(got, want) {
		tb.Errorf("read: got %d entries, want %d in order", len(got), entries)
	}
}

func readerWaits(tb testing.TB, s, twin ticket.Stream) {
	tb.Helper()
	at := mustAppend(tb, s, []byte("first"))
	appended := make(chan error, 1)
	go func() {
		_, err := twin.Append(tb.Context(), []byte("second"))
		appended <- err
	}()
	var b ticket.Batch
	for range 10 {
		if b = mustRead(tb, s, at); len(b.Entries) > 0 {
			break
		}
	}
	if err := <-appended; err != nil {
		tb.Fatalf("append: %v", err)
	}
	if len(b.Entries) != 1 || string(b.Entries[0]) != "second" {
		tb.Errorf("read: got %q, want the second entry", b.Entries)
	}
}

func foreignEpoch(tb testing.TB, s, _ ticket.Stream) {
	tb.Helper()
	at := mustAppend(tb, s, []byte("first"))
	other := at
	other.Epoch = "another"
	b := mustRead(tb, s, other)
	if len(b.Entries) != 1 || !b.Restarted || b.Gap || b.Next != at {
		tb.Errorf("read: got %+v, want the first entry, restarted", b)
	}
}

func endedStream(tb testing.TB, s, _ ticket.Stream) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	_, err := s.Append(ctx, []byte("late"))
	fixture.WantErr(tb, "append", err, ticket.ErrUnavailable)
	_, err = s.Read(ctx, ticket.Position{})
	fixture.WantErr(tb, "read", err, ticket.ErrUnavailable)
}
