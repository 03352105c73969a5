package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
	"wsticket/ticket"
)

const (
	// operatorTimeout bounds a call of the internal listener. It is more than the
	// service itself takes.
	operatorTimeout = 15 * time.Second
	// maxOperatorAnswer bounds an answer, in bytes.
	maxOperatorAnswer = 16 << 20
	defaultInternal   = "http://127.0.0.1:8081"
)

// operator calls the internal listener of a running service for a command.
type operator struct {
	URL     string `name:"url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Internal listener of the service (default: http://127.0.0.1:8081)."`
	KeyFile string `name:"key-file" placeholder:"FILE" help:"File with an API key of the service that has the scope of the command. Default: the file that WSTICKET_KEY_FILE names."`

	// timeout bounds a call. Default: operatorTimeout.
	timeout time.Duration
}

// call sends a request with a body as JSON, where body is not nil, and reads the answer
// into answer, where that is not nil. Any status but want is an error, which says what
// the service says.
func (o operator) call(ctx context.Context, w world, method, path string, body, answer any, want int) error {
	base, err := url.Parse(cmp.Or(o.URL, defaultInternal))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usageError{errors.New("--url: must be a URL such as " + defaultInternal)}
	}
	key, err := o.key(w.Env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.timeout, operatorTimeout))
	defer cancel()
	req, err := operatorRequest(ctx, method, strings.TrimSuffix(base.String(), "/")+path, key, body)
	if err != nil {
		return err
	}
	res, err := httpclient.New(httpclient.Options{}).Do(req)
	if err != nil {
		return fmt.Errorf("no wsticket answers at %s: %s (--url says where its internal listener is)", base.Host, netcause.Describe(err))
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxOperatorAnswer))
	if err != nil {
		return fmt.Errorf("the answer broke off: %s", netcause.Describe(err))
	}
	if res.StatusCode != want {
		return operatorFault(res.StatusCode, data)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("what answers at %s is no wsticket", base.Host)
	}
	return nil
}

// key reads the API key. It is nothing for a command line, which other users of the
// machine can see.
func (o operator) key(env []string) (ticket.Bearer, error) {
	file := o.KeyFile
	for _, setting := range env {
		if name, value, _ := strings.Cut(setting, "="); name == config.KeyFileEnv {
			file = cmp.Or(file, value)
		}
	}
	if file == "" {
		return ticket.Bearer{}, usageError{errors.New("--key-file (or " + config.KeyFileEnv + ") must name a file with an API key of internal.api_keys")}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return ticket.Bearer{}, fmt.Errorf("--key-file: cannot be read: %w", errors.Unwrap(err))
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ticket.Bearer{}, fmt.Errorf("--key-file: %s must hold one key and nothing else", file)
	}
	return ticket.NewBearer(key), nil
}

func operatorRequest(ctx context.Context, method, address string, key ticket.Bearer, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	return req, nil
}

// operatorFault says what the service refuses, in its words.
func operatorFault(status int, data []byte) error {
	var problem struct{ Title, Code, Detail string }
	_ = json.Unmarshal(data, &problem) // of another program, perhaps
	text := cmp.Or(problem.Detail, problem.Title, http.StatusText(status))
	switch status {
	case http.StatusUnauthorized:
		text += " (is the key of --key-file in internal.api_keys?)"
	case http.StatusNotFound:
		text += " (is --url the internal listener?)"
	}
	return fmt.Errorf("the service refuses: %s (status %d%s)", text, status, prefixed(" ", problem.Code))
}
