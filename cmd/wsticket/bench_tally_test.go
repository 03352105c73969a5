package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestKindOf(t *testing.T) {
	wrapped := func(err error) error {
		return fmt.Errorf("canary: %w", &net.OpError{Op: "read", Err: os.NewSyscallError("canary", err)})
	}
	for want, err := range map[string]error{
		"429 rate_limited":   errorKind("429 rate_limited"),
		"issue: timeout":     &stepError{"issue", wrapped(os.ErrDeadlineExceeded)},
		"timeout":            context.DeadlineExceeded,
		"connection refused": wrapped(syscall.ECONNREFUSED),
		"connection reset":   errors.Join(wrapped(syscall.EPIPE)),
		"no free local port": wrapped(syscall.EADDRNOTAVAIL),
		"connection closed":  fmt.Errorf("canary: %w", io.ErrUnexpectedEOF),
		"no such host":       &net.DNSError{Err: "canary", Name: "canary"},

		"too many open files here (ulimit -n)": wrapped(syscall.EMFILE),
		"certificate not trusted":              &tls.CertificateVerificationError{Err: errors.New("canary")},
		"connection":                           errors.New("canary"),
	} {
		if got := kindOf(err); got != want {
			t.Errorf("kindOf(%v) = %q, want %q", err, got, want)
		}
		_, answer := errors.AsType[errorKind](err)
		if isAnswer(err) != answer {
			t.Errorf("isAnswer(%v) = %t", err, !answer)
		}
	}
}

func TestTallyBoundsTheKinds(t *testing.T) {
	var counted tally
	for n := range 10 * maxKinds {
		_ = counted.add(t.Context(), 0, errorKind(fmt.Sprint("status ", n)))
	}
	if len(counted.kinds) != maxKinds+1 || counted.kinds["other"] != 9*maxKinds || counted.failed.Load() != 10*maxKinds {
		t.Errorf("%d kinds, %d others, %d failed", len(counted.kinds), counted.kinds["other"], counted.failed.Load())
	}
}

func TestTallyPassesOverWhatWasCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var counted tally
	_ = counted.add(ctx, 0, net.ErrClosed)
	_ = counted.add(ctx, time.Millisecond, nil)
	if counted.failed.Load() != 0 || counted.succeeded() != 1 {
		t.Errorf("%d failed, %d succeeded, want 0 and the one that had ended before", counted.failed.Load(), counted.succeeded())
	}
}

func TestTallyAddsTheParts(t *testing.T) {
	readings := []reading{{1, 100}, {3, 200}, {10, 300}, {14, 400}}
	read := func(context.Context) reading {
		first := readings[0]
		readings = readings[1:]
		return first
	}
	var counted tally
	for range 2 {
		counted.measure(t.Context(), read, func() {})
	}
	if want := (usage{cpu: 6, begin: 100, end: 400, parts: 2}); counted.server != want {
		t.Errorf("the server used %+v, want %+v", counted.server, want)
	}
	counted.measure(t.Context(), unmetered, func() {})
	if !math.IsNaN(counted.server.cpu) || !math.IsNaN(counted.server.end) || counted.server.begin != 100 {
		t.Errorf("with an unknown part it is %+v, want unknown", counted.server)
	}
	if counted.elapsed <= 0 || counted.client.parts != 3 {
		t.Errorf("elapsed %s, client %+v", counted.elapsed, counted.client)
	}
}

func TestBudget(t *testing.T) {
	b := bound{2, time.Hour}.begin()
	taken := 0
	for b.take() {
		taken++
	}
	if taken != 2 || b.open() {
		t.Errorf("%d taken of a budget of two", taken)
	}
	b.give()
	if !b.open() || !b.take() || b.take() {
		t.Error("what was given back cannot be taken")
	}
	if past := (bound{2, -time.Second}).begin(); past.open() || past.take() {
		t.Error("a budget outlives its time")
	}
	if endless := (bound{0, time.Hour}).begin(); !endless.open() || !endless.take() {
		t.Error("no count is no bound")
	}
}
