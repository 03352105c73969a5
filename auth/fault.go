package auth

import (
	"errors"
	"fmt"
	"net/url"

	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
)

// Outcomes of a fetch of keys, as a metric counts them.
const (
	fetched     = "ok"
	unreachable = "unreachable" // also: TLS failed, too slow
	blocked     = "blocked"     // an address that may not be dialed
	badStatus   = "status"      // not 200, so also each redirect
	badContent  = "content"     // not the document that was expected
)

// outcomes are all of them.
func outcomes() []string { return []string{fetched, unreachable, blocked, badStatus, badContent} }

// fetchFault is why keys could not be fetched. Its text is safe to log: host and
// cause, and nothing that a library says.
type fetchFault struct {
	outcome string
	host    string
	cause   string
}

// Error returns host and cause.
func (f *fetchFault) Error() string { return f.host + ": " + f.cause }

// errNotFetched is the state of keys before the first fetch has ended.
var errNotFetched = errors.New("not fetched yet")

// networkFault is one of the network.
func networkFault(address string, err error) error {
	outcome := unreachable
	if errors.Is(err, httpclient.ErrBlocked) {
		outcome = blocked
	}
	return &fetchFault{outcome, hostOf(address), netcause.Describe(err)}
}

// statusFault names the path too, because a wrong one is the usual cause.
func statusFault(address string, status int) error {
	cause := fmt.Sprintf("status %d for %s", status, pathOf(address))
	if status/100 == 3 {
		cause += "; redirects are not followed"
	}
	return &fetchFault{badStatus, hostOf(address), cause}
}

func contentFault(address, cause string) error {
	return &fetchFault{badContent, hostOf(address), cause}
}

// outcome returns the word for the result of a fetch.
func outcome(err error) string {
	if err == nil {
		return fetched
	}
	if fault, ok := errors.AsType[*fetchFault](err); ok {
		return fault.outcome
	}
	return unreachable
}

// hostOf returns the host of a URL, with its port if it names one.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "no URL"
	}
	return u.Host
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}
