package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// tally counts what came of the requests of a storm. The zero value is empty
// and ready. add is safe for concurrent use.
type tally struct {
	latencies histogram // of those that succeeded
	failed    atomic.Int64

	mu    sync.Mutex
	kinds map[string]int64 // also of what only prepares for the storm

	// What the measured parts took together, for measure alone to write.
	elapsed        time.Duration
	server, client usage
}

// maxKinds bounds how many kinds of error are told apart: codes come from the
// server, which may be anybody's.
const maxKinds = 50

// measure runs a part of a storm that counts: its time and what the processor
// did meanwhile are added to those of other parts.
func (t *tally) measure(ctx context.Context, server meter, part func()) {
	client, before, begin := readSelf(), server(ctx), time.Now()
	part()
	t.elapsed += time.Since(begin)
	// Also after Ctrl-C: what there is, is printed.
	t.server.add(before, server(context.WithoutCancel(ctx)))
	t.client.add(client, readSelf())
}

// add counts a request that took so long, or failed, and returns err. What the
// end of ctx has cut off is neither.
func (t *tally) add(ctx context.Context, took time.Duration, err error) error {
	switch {
	case err == nil:
		t.latencies.record(took)
	case ctx.Err() == nil:
		t.failed.Add(1)
		t.note(kindOf(err))
	}
	return err
}

// note adds one to the errors of a kind.
func (t *tally) note(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = make(map[string]int64)
	}
	if _, known := t.kinds[kind]; !known && len(t.kinds) >= maxKinds {
		kind = "other"
	}
	t.kinds[kind]++
}

func (t *tally) succeeded() int64 { return t.latencies.count.Load() }

// errorKind is an error that is its own kind: words of ours, and at most a
// status and a problem code of the server's.
type errorKind string

// Error returns the words.
func (k errorKind) Error() string { return string(k) }

// What an answer can be but a status.
const (
	kindAnswer errorKind = "unreadable answer"
	kindNoURL  errorKind = "answer without a url"
	kindFrame  errorKind = "unreadable greeting"
)

// stepError says in which step of several a request failed.
type stepError struct {
	step string
	err  error
}

// Error returns the step and the kind.
func (e *stepError) Error() string { return e.step + ": " + kindOf(e.err) }

// Unwrap returns the error itself.
func (e *stepError) Unwrap() error { return e.err }

// kindOther is what no other name is known for.
const kindOther = "connection"

// kindOf names an error by what an operator would do about it, and by nothing
// of its text: a library's message may quote a request.
func kindOf(err error) string {
	if step, ok := errors.AsType[*stepError](err); ok {
		return step.Error()
	}
	if kind, ok := errors.AsType[errorKind](err); ok {
		return string(kind)
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return "timeout"
	}
	for _, known := range []struct {
		is   error
		kind string
	}{
		{syscall.ECONNREFUSED, "connection refused"},
		{syscall.ECONNRESET, "connection reset"},
		{syscall.EPIPE, "connection reset"},
		{syscall.EMFILE, "too many open files here (ulimit -n)"},
		{syscall.EADDRNOTAVAIL, "no free local port"},
		{io.EOF, "connection closed"},
		{io.ErrUnexpectedEOF, "connection closed"},
	} {
		if errors.Is(err, known.is) {
			return known.kind
		}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "no such host"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate not trusted"
	}
	return kindOther
}

// isAnswer tells whether err is what the server answered, and not that there
// was none.
func isAnswer(err error) bool {
	_, ok := errors.AsType[errorKind](err)
	return ok
}
