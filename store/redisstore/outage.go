package redisstore

import (
	"cmp"

	"wsticket/ticket"
)

// OutageKind is a fixed word for why Redis gave no usable answer, for logs and
// metrics.
type OutageKind string

// The kinds of outage.
const (
	OutageCanceled   OutageKind = "canceled"   // the caller's context ended
	OutageTimeout    OutageKind = "timeout"    // no answer in time
	OutageConnection OutageKind = "connection" // refused, reset, or closed before the answer
	OutagePool       OutageKind = "pool"       // no connection was free, the pipeline is full, or the store is closed
	OutageReadOnly   OutageKind = "readonly"   // a replica, or a primary that lost its replicas
	OutageLoading    OutageKind = "loading"    // the server is loading its data
	OutageMemory     OutageKind = "oom"        // the server is out of memory
	OutageDenied     OutageKind = "denied"     // wrong credentials or missing permissions
	OutageCluster    OutageKind = "cluster"    // no node has the slot of the key, or there were too many redirects
	OutageFence      OutageKind = "fence"      // the server does not report its replication identity, or it keeps changing
	OutageTLS        OutageKind = "tls"        // no TLS, or a certificate that is not accepted
	OutageSetup      OutageKind = "setup"      // the server is not what the URL says it is
	OutageOther      OutageKind = "other"
)

// OutageKinds returns all kinds, for example as values of a metric's label. The
// caller owns the list.
func OutageKinds() []OutageKind {
	return []OutageKind{
		OutageCanceled, OutageTimeout, OutageConnection, OutagePool, OutageReadOnly, OutageLoading, OutageMemory,
		OutageDenied, OutageCluster, OutageFence, OutageTLS, OutageSetup, OutageOther,
	}
}

// explanation is the kind in words for an operator, where nothing more is known.
func (k OutageKind) explanation() string {
	switch k {
	case OutageCanceled:
		return "the caller gave up"
	case OutageTimeout:
		return "no answer in time"
	case OutageConnection:
		return "no connection"
	case OutagePool:
		return "no connection was free"
	case OutageReadOnly:
		return "a replica, or a primary that lost its replicas"
	case OutageLoading:
		return "is still loading its data"
	case OutageMemory:
		return "is out of memory"
	case OutageDenied:
		return "wrong user or password, or a permission is missing"
	case OutageCluster:
		return "no node has the slot of the key"
	case OutageFence:
		return "does not report its replication identity"
	default:
		return "an answer that is not one of Redis"
	}
}

// OutageError says that Redis gave no usable answer. It wraps
// [ticket.ErrUnavailable], and the error of the caller's context if that ended.
// It contains nothing of the client library's message, which may have addresses
// in it.
type OutageError struct {
	kind   OutageKind
	cause  string // more than the kind says, in fixed words; may be empty
	caller error  // of the caller's context, nil if that goes on
}

// Kind returns the kind of the outage.
func (e *OutageError) Kind() OutageKind { return e.kind }

// Cause says in fixed words what is wrong, such as "connection refused".
func (e *OutageError) Cause() string { return cmp.Or(e.cause, e.kind.explanation()) }

// Error returns a fixed text for each kind and cause.
func (e *OutageError) Error() string { return "redis: " + string(e.kind) + " (" + e.Cause() + ")" }

// Unwrap returns [ticket.ErrUnavailable], and the error of the caller's context
// if that ended.
func (e *OutageError) Unwrap() []error {
	if e.caller == nil {
		return []error{ticket.ErrUnavailable}
	}
	return []error{ticket.ErrUnavailable, e.caller}
}
