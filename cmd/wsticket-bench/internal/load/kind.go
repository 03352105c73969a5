package load

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"syscall"
)

// kind is an error that is its own name in the report: words of this package,
// and at most a status and a problem code of the server.
type kind string

// Error returns the words.
func (k kind) Error() string { return string(k) }

// The kinds of answers that are not named by a status.
const (
	kindAnswer kind = "unreadable answer"
	kindNoURL  kind = "answer without a url"
	kindFrame  kind = "unreadable greeting"
)

// problemCode is the grammar of a code (docs/protocol.md). Anything else is not
// repeated.
var problemCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// refusal names an answer that was no success, such as "429 rate_limited".
func (a answer) refusal() kind {
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(a.body, &problem) != nil || !problemCode.MatchString(problem.Code) {
		return kind(fmt.Sprintf("status %d", a.status))
	}
	return kind(fmt.Sprintf("%d %s", a.status, problem.Code))
}

// stepError says in which step of several a request failed.
type stepError struct {
	step string
	err  error
}

// Error returns the step and the kind.
func (e *stepError) Error() string { return e.step + ": " + kindOf(e.err) }

// Unwrap returns the error itself.
func (e *stepError) Unwrap() error { return e.err }

// kindOther is the kind of all other errors.
const kindOther = "connection"

// systemKinds are the names of errors of the operating system and of io.
var systemKinds = []struct {
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
}

// kindOf names an error by what an operator would do about it. It never uses
// the text of an error of a library, which may quote a request.
func kindOf(err error) string {
	if step, ok := errors.AsType[*stepError](err); ok {
		return step.Error()
	}
	if own, ok := errors.AsType[kind](err); ok {
		return string(own)
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return "timeout"
	}
	for _, known := range systemKinds {
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

// unreadable returns err if the connection failed, and otherwise the kind of an
// answer that is not HTTP.
func unreadable(err error) error {
	if kindOf(err) == kindOther {
		return kindAnswer
	}
	return err
}

// isAnswer reports whether err is an answer of the server, as opposed to none.
func isAnswer(err error) bool {
	_, ok := errors.AsType[kind](err)
	return ok
}
