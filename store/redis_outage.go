package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
)

// OutageKind says in one fixed word why Redis gave no answer that counts, for
// logs and metrics.
type OutageKind string

// The kinds of outage.
const (
	OutageCanceled   OutageKind = "canceled"   // the caller gave up first
	OutageTimeout    OutageKind = "timeout"    // no answer in time
	OutageConnection OutageKind = "connection" // refused, reset, or closed before the answer
	OutagePool       OutageKind = "pool"       // no connection or place in the queue was free, or the client is closed
	OutageReadOnly   OutageKind = "readonly"   // a replica, or a primary that lost its own
	OutageLoading    OutageKind = "loading"    // the server is reading its data
	OutageMemory     OutageKind = "oom"        // the server is full and evicts nothing
	OutageDenied     OutageKind = "denied"     // credentials or permissions
	OutageCluster    OutageKind = "cluster"    // no node has the slot of the key, or too many send it on
	OutageFence      OutageKind = "fence"      // the server does not tell its replication identity, or changes it all the time
	OutageOther      OutageKind = "other"
)

// meaning is the kind in the words of an operator who reads it for the first
// time.
func (k OutageKind) meaning() string {
	switch k {
	case OutageCanceled:
		return "the caller gave up"
	case OutageTimeout:
		return "no answer in time"
	case OutageConnection:
		return "refused, broken off, or no such host"
	case OutagePool:
		return "no connection was free"
	case OutageReadOnly:
		return "a replica, or a primary that lost its own"
	case OutageLoading:
		return "is still reading its data"
	case OutageMemory:
		return "is full"
	case OutageDenied:
		return "wrong user or password, or a right is missing"
	case OutageCluster:
		return "no node has the slot of the key"
	case OutageFence:
		return "does not tell its replication identity"
	default:
		return "an answer that was not expected"
	}
}

// OutageError says that Redis gave no answer that counts. It wraps
// [ticket.ErrUnavailable], and the context's error where the caller gave up.
// It holds nothing of the client library's message, which may tell addresses.
type OutageError struct {
	kind   OutageKind
	caller error // why the caller's context ended, if it did
}

// Kind names the outage.
func (e *OutageError) Kind() OutageKind { return e.kind }

// Error is a fixed text for each kind.
func (e *OutageError) Error() string {
	return "redis: " + string(e.kind) + " (" + e.kind.meaning() + ")"
}

// Unwrap returns [ticket.ErrUnavailable] and, where there is one, the error of
// the caller's context.
func (e *OutageError) Unwrap() []error {
	if e.caller == nil {
		return []error{ticket.ErrUnavailable}
	}
	return []error{ticket.ErrUnavailable, e.caller}
}

// outage turns an error of the client library into one of ours. A value of
// another type under our key was not written by us, and FENCED is what our own
// scripts say of a record that is not the primary's; all else leaves open what
// happened.
func outage(caller context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ours, ok := errors.AsType[*OutageError](err); ok {
		return ours
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("redis: wrong type: %w", ticket.ErrCorrupt)
	}
	if _, refused := fencedBy(err); refused {
		return fmt.Errorf("redis: %w", ticket.ErrFenced)
	}
	if end := gaveUp(caller); end != nil {
		return &OutageError{kind: OutageCanceled, caller: end}
	}
	return &OutageError{kind: outageKind(err)}
}

// gaveUp tells why the caller does not wait any more, if so. A deadline that
// has passed counts before its timer has fired: the connection, which ends at
// the same instant, may be the faster one to say so.
func gaveUp(caller context.Context) error {
	end, ok := caller.Deadline()
	if err := caller.Err(); err != nil || !ok || time.Now().Before(end) {
		return err
	}
	return context.DeadlineExceeded
}

// fencedBy reads the answer to a record of another primary, or of none: the
// replication identity that holds now.
func fencedBy(err error) (id string, ok bool) {
	if !redis.HasErrorPrefix(err, "FENCED ") {
		return "", false
	}
	_, id, ok = strings.Cut(err.Error(), "FENCED ")
	return id, ok
}

func outageKind(err error) OutageKind {
	switch {
	case isBusy(err):
		return OutagePool
	case redis.IsReadOnlyError(err), redis.IsMasterDownError(err), redis.IsNoReplicasError(err):
		return OutageReadOnly
	case redis.IsLoadingError(err):
		return OutageLoading
	case redis.IsOOMError(err):
		return OutageMemory
	case redis.IsAuthError(err), redis.IsPermissionError(err), redis.HasErrorPrefix(err, deniedInScript):
		return OutageDenied
	case isLostInCluster(err):
		return OutageCluster
	case redis.HasErrorPrefix(err, "NOFENCE "):
		return OutageFence
	case isTimeout(err):
		return OutageTimeout
	case isConnection(err):
		return OutageConnection
	default:
		return OutageOther
	}
}

// deniedInScript is what Redis 7.0 says where later versions say NOPERM.
const deniedInScript = "The user executing the script can't run"

func isBusy(err error) bool {
	return errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) ||
		errors.Is(err, redis.ErrClosed) || errors.Is(err, redis.ErrAutoPipelineQueueFull) ||
		redis.IsMaxClientsError(err)
}

func isLostInCluster(err error) bool {
	for _, code := range [...]string{"MOVED ", "ASK ", "CLUSTERDOWN ", "TRYAGAIN "} {
		if redis.HasErrorPrefix(err, code) {
			return true
		}
	}
	return false
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, redis.ErrAutoPipelineTimeout) {
		return true
	}
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

func isConnection(err error) bool {
	_, ok := errors.AsType[net.Error](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
