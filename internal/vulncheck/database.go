package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// timeout bounds the one try to reach the database.
const timeout = 5 * time.Second

// unreachableError is that nothing is known of the database, because the network or
// its server does not let us ask.
type unreachableError struct{ cause error }

func (e *unreachableError) Error() string { return "unreachable: " + e.cause.Error() }

func (e *unreachableError) Unwrap() error { return e.cause }

// lastModified returns when the database was changed last, of which every database
// keeps a note (https://go.dev/security/vuln/database). The error is an
// [unreachableError], or says what is there instead.
func lastModified(ctx context.Context, db string) (string, error) {
	address, err := url.Parse(strings.TrimRight(db, "/") + "/index/db.json")
	if err != nil {
		return "", err
	}
	if !strings.Contains(" http https file ", " "+address.Scheme+" ") {
		return "", fmt.Errorf("%s: neither https nor http nor file", db)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}           // as govulncheck asks
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/"))) //nolint:gosec // The operator names the file.
	client := http.Client{Transport: transport, Timeout: timeout}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", failed(err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return "", fmt.Errorf("%s is no database of vulnerabilities: it answers %s", db, answer.Status)
	case answer.StatusCode != http.StatusOK: // such as 403 of a filter
		return "", &unreachableError{fmt.Errorf("it answers %s", answer.Status)}
	}
	return modifiedOf(db, answer.Body)
}

// failed says what a request without an answer means: the network, or a filter in
// between, does not let us ask.
func failed(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err // without the address, which is named anyway
	}
	return &unreachableError{err}
}

func modifiedOf(db string, body io.Reader) (string, error) {
	var note struct {
		Modified time.Time `json:"modified"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<16)).Decode(&note); err != nil || note.Modified.IsZero() {
		return "", fmt.Errorf("%s is no database of vulnerabilities: index/db.json has no time of modification", db)
	}
	return note.Modified.UTC().Format(time.DateOnly), nil
}
