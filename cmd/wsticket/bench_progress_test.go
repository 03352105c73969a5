package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	for _, row := range []struct {
		rule     string
		terminal bool
		want     string
	}{
		{"a line now and then", false, "issue, up to 5s: 2s, 1 done, 0 failed\nissue, up to 5s: 4s, 1,001 done, 1 failed\n"},
		{
			"one line over and over, which is gone at the end", true,
			"\rissue, up to 5s: 200ms, 1 done, 0 failed\x1b[K\rissue, up to 5s: 400ms, 1,001 done, 1 failed\x1b[K\r\x1b[K",
		},
	} {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				var counted tally
				_ = counted.add(t.Context(), time.Millisecond, nil)
				every := progressElsewhere
				if row.terminal {
					every = progressOnTerminal
				}
				stop := progress{out: &out, terminal: row.terminal}.follow("issue", "5s", &counted)
				rest(t.Context(), every+time.Millisecond)
				for range 1000 {
					_ = counted.add(t.Context(), time.Millisecond, nil)
				}
				_ = counted.add(t.Context(), 0, errorKind("status 500"))
				rest(t.Context(), every)
				stop()
				if got := out.String(); got != row.want {
					t.Errorf("progress is %q, want %q", got, row.want)
				}
			})
		})
	}
}

func TestProgressKnowsATerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newProgress(file).terminal || newProgress(new(bytes.Buffer)).terminal {
		t.Error("a file or a buffer is taken for a terminal")
	}
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if !newProgress(device).terminal {
		t.Error("a character device is not taken for a terminal")
	}
}

func TestRestEndsWithItsContext(t *testing.T) {
	p := make(chan struct{})
	go func() { defer close(p); rest(t.Context(), time.Microsecond) }()
	<-p
}
