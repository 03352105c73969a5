package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestChildThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule string
		args []string
		want []string
	}{
		{"its last words are repeated", []string{"serve", "--config", "/nowhere"}, []string{"the server did not start: it ended\n  wsticket: ", "/nowhere"}},
		{"its first line has to be a start line", []string{"version"}, []string{"its first line is no start line"}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			_, err := startChild(t.Context(), asServer(t), row.args...)
			for _, want := range row.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("startChild = %v, want %q", err, want)
				}
			}
		})
	}
	t.Run("nobody waits for it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := startChild(ctx, asServer(t), "dev", "--public", "localhost:0", "--internal", "localhost:0"); !errors.Is(err, context.Canceled) {
			t.Errorf("startChild = %v, want it called off", err)
		}
	})
}

func TestFirstLine(t *testing.T) {
	for _, row := range []struct {
		rule   string
		writes []string
		ready  bool
		want   string
	}{
		{"a line", []string{"one\n"}, true, "one"},
		{"in pieces, and more", []string{"on", "e\ntw", "o\n"}, true, "one"},
		{"not yet", []string{"on"}, false, "on"},
		{"one that never ends", []string{strings.Repeat("x", maxTail), "yz"}, true, strings.Repeat("x", maxTail) + "yz"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			f := newFirstLine()
			for _, text := range row.writes {
				if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("Write = %d, %v", n, err)
				}
			}
			ready := false
			select {
			case <-f.ready:
				ready = true
			default:
			}
			if ready != row.ready || string(f.text()) != row.want {
				t.Errorf("ready %t with %q, want %t with %q", ready, f.text(), row.ready, row.want)
			}
		})
	}
}

func TestTail(t *testing.T) {
	var end tail
	if got := end.lines(); got != "" {
		t.Errorf("an empty tail is %q", got)
	}
	_, _ = fmt.Fprint(&end, "one\n", "two\n")
	if got := end.lines(); got != "\n  one\n  two" {
		t.Errorf("the tail is %q", got)
	}
	for _, text := range []string{strings.Repeat("x", 10*maxTail), strings.Repeat("y", maxTail-1)} {
		if n, err := end.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	if got, want := end.lines(), "\n  x"+strings.Repeat("y", maxTail-1); got != want {
		t.Errorf("the tail is %d bytes %.10q, want the last %d", len(got), got, maxTail)
	}
}
