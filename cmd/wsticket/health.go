package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
)

const (
	// healthTimeout bounds the request. Docker's own default is 30 s.
	healthTimeout = 3 * time.Second
	// maxHealth bounds the answer in bytes.
	maxHealth = 1 << 20
)

type healthCmd struct {
	config.Flags

	Verbose bool `short:"v" help:"Also list what the service needs of others, how it is, and since when."`
}

// Run asks /readyz of the internal listener. It reads only that address from
// the configuration. A container without a shell can use it as its health
// check.
func (c *healthCmd) Run(ctx context.Context, w world) error {
	cfg, err := c.Load(w.Env, func(cfg config.Config) error { return config.Only(cfg.Validate(), "internal") })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := c.ask(ctx, cfg.Internal)
	if err != nil {
		return err
	}
	if c.Verbose {
		answer.list(w.Stdout)
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("health: not ready (status %d%s)", answer.status, prefixed(": ", answer.Detail))
	}
	_, err = fmt.Fprintln(w.Stdout, "ready")
	return err
}

// healthAnswer is what /readyz says.
type healthAnswer struct {
	status       int
	Detail       string       `json:"detail"`
	Dependencies []dependency `json:"dependencies"`
}

type dependency struct {
	Name, Kind, State, Since, Cause string
}

func (a healthAnswer) list(out io.Writer) {
	for _, d := range a.Dependencies {
		since := ""
		if at, err := time.Parse(time.RFC3339, d.Since); err == nil {
			since = fmt.Sprintf(" since %s (%s)", d.Since, time.Since(at).Round(time.Second))
		}
		_ = say(out, "%-7s %-5s %s%s%s", d.State, d.Kind, d.Name, since, prefixed(": ", d.Cause))
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// ask reads /readyz at an address to listen on.
func (c *healthCmd) ask(ctx context.Context, at config.Internal) (healthAnswer, error) {
	host, port, err := net.SplitHostPort(at.Listen)
	if err != nil {
		return healthAnswer{}, fmt.Errorf("health: internal.listen: %w", config.CheckListen(at.Listen))
	}
	if addr := net.ParseIP(host); host == "" || addr.IsUnspecified() {
		host = "127.0.0.1"
	}
	url := "http://"
	if at.TLS.CertFile != "" {
		url = "https://"
	}
	url += net.JoinHostPort(host, port) + "/readyz"
	if c.Verbose {
		url += "?verbose"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return healthAnswer{}, fmt.Errorf("health: internal.listen: the host is none (got %q)", at.Listen)
	}
	// The certificate does not matter: the machine asks itself, nothing secret is
	// sent or received, and the file may be newer than what the service shows.
	res, err := httpclient.New(httpclient.Options{
		TLS: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}).Do(req)
	if err != nil {
		return healthAnswer{}, fmt.Errorf("health: no wsticket answers at %s: %s (internal.listen of --config, or --internal, says where to ask)", net.JoinHostPort(host, port), netcause.Describe(err))
	}
	defer func() { _ = res.Body.Close() }()
	return readHealth(res)
}

// readHealth reads an answer. One of another program has no status of health.
func readHealth(res *http.Response) (healthAnswer, error) {
	answer := healthAnswer{status: res.StatusCode}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxHealth))
	if err != nil {
		return answer, fmt.Errorf("health: the answer broke off: %s", netcause.Describe(err))
	}
	var kind struct{ Status, Code json.RawMessage }
	if json.Unmarshal(data, &kind) != nil || json.Unmarshal(data, &answer) != nil || cmp.Or(len(kind.Status), len(kind.Code)) == 0 {
		return answer, errors.New("health: what answers there is no wsticket (status " + res.Status + ")")
	}
	return answer, nil
}
