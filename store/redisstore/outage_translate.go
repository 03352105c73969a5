package redisstore

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

	"wsticket/internal/netcause"
	"wsticket/ticket"
)

// translate turns an error of the client library into one of package ticket. A
// key of another type was not written by a store, and FENCED is the reply of
// our scripts to a record of another primary. With any other error the outcome
// is unknown.
func translate(caller context.Context, err error) error {
	if err == nil {
		return nil
	}
	if outage, ok := errors.AsType[*OutageError](err); ok {
		return outage
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("redis: wrong type: %w", ticket.ErrCorrupt)
	}
	if _, fenced := fencedBy(err); fenced {
		return fmt.Errorf("redis: %w", ticket.ErrFenced)
	}
	if ended := endOf(caller); ended != nil {
		return &OutageError{kind: OutageCanceled, caller: ended}
	}
	return &OutageError{kind: kindOf(err), cause: causeOf(err)}
}

// replies are what servers reply to a URL that is not for them, and what to do.
// The texts are Redis's; only ours are shown.
var replies = []struct {
	text  string
	kind  OutageKind
	cause string
}{
	{"DB index is out of range", OutageSetup, "there is no database of that number: the URL ends with it, and Redis has 0 to 15 unless it was told otherwise"},
	{"cluster support disabled", OutageSetup, "the server is no cluster: begin the URL with redis:// or rediss://"},
	{"unknown command 'sentinel'", OutageSetup, "the server is no Sentinel: name the Sentinels, which listen on 26379, or begin the URL with redis://"},
	{"the Sentinels do not know the primary", OutageSetup, "the Sentinels know no primary of that name: see SENTINEL MASTERS"},
	{"NOAUTH", OutageDenied, "the server wants a password: redis://:password@host, or redis://user:password@host"},
	{"WRONGPASS", OutageDenied, "wrong user or password"},
	{"without any password configured", OutageDenied, "the server knows no password: leave it out of the URL"},
	{"NOPERM", OutageDenied, "this user lacks a permission: docs/redis.md lists what is needed"},
	{deniedInScript, OutageDenied, "this user lacks a permission: docs/redis.md lists what is needed"},
	{"can't parse", OutageSetup, "another program than Redis listens there"},
}

func replyOf(err error) (kind OutageKind, cause string) {
	for _, known := range replies {
		if strings.Contains(err.Error(), known.text) {
			return known.kind, known.cause
		}
	}
	return "", ""
}

// causeOf says more than the kind does. It is empty if nothing is known.
func causeOf(err error) string {
	if _, cause := replyOf(err); cause != "" {
		return cause
	}
	if kind := kindOf(err); kind == OutageConnection || kind == OutageTLS {
		return netcause.Describe(err)
	}
	return ""
}

// translate is [translate] for an operation of the store. A server that does not
// speak TLS waits for the rest of what it takes for a command, so that there is
// no error but the time-out.
func (s *Store) translate(caller context.Context, err error) error {
	err = translate(caller, err)
	if outage, ok := errors.AsType[*OutageError](err); ok && outage.kind == OutageTimeout && s.handshakes.unanswered() {
		return &OutageError{kind: OutageTLS, cause: "no answer to the TLS handshake: does the server speak TLS at this port? redis:// is without"}
	}
	return err
}

// endOf returns the error of a context that has ended, nil otherwise. A deadline
// that has passed counts even if its timer has not fired yet: the time-out of
// the connection, at the same instant, may be noticed first.
func endOf(ctx context.Context) error {
	deadline, ok := ctx.Deadline()
	if err := ctx.Err(); err != nil || !ok || time.Now().Before(deadline) {
		return err
	}
	return context.DeadlineExceeded
}

// fencedBy reads the reply FENCED: the replication identity of the primary that
// refused a record of another one.
func fencedBy(err error) (identity string, ok bool) {
	if !redis.HasErrorPrefix(err, "FENCED ") {
		return "", false
	}
	_, identity, ok = strings.Cut(err.Error(), "FENCED ")
	return identity, ok
}

func kindOf(err error) OutageKind {
	if kind, _ := replyOf(err); kind != "" {
		return kind
	}
	switch {
	case hasNoConnection(err):
		return OutagePool
	case redis.IsReadOnlyError(err), redis.IsMasterDownError(err), redis.IsNoReplicasError(err):
		return OutageReadOnly
	case redis.IsLoadingError(err):
		return OutageLoading
	case redis.IsOOMError(err):
		return OutageMemory
	case redis.IsAuthError(err), redis.IsPermissionError(err), redis.HasErrorPrefix(err, deniedInScript):
		return OutageDenied
	case hasNoSlot(err):
		return OutageCluster
	case redis.HasErrorPrefix(err, "NOFENCE "):
		return OutageFence
	case isTLS(err):
		return OutageTLS
	case isTimeout(err):
		return OutageTimeout
	case isConnection(err):
		return OutageConnection
	default:
		return OutageOther
	}
}

// deniedInScript is the reply of Redis 7.0 where later versions reply NOPERM.
const deniedInScript = "The user executing the script can't run"

func hasNoConnection(err error) bool {
	return errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) ||
		errors.Is(err, redis.ErrClosed) || errors.Is(err, redis.ErrAutoPipelineQueueFull) ||
		redis.IsMaxClientsError(err)
}

func hasNoSlot(err error) bool {
	for _, code := range [...]string{"MOVED ", "ASK ", "CLUSTERDOWN ", "TRYAGAIN "} {
		if redis.HasErrorPrefix(err, code) {
			return true
		}
	}
	return false
}

func isTLS(err error) bool { return strings.HasPrefix(netcause.Describe(err), "TLS:") }

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
