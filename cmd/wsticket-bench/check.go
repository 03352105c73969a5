package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// The limits of the flags.
const (
	maxCallers      = 10_000
	maxDuration     = time.Hour
	defaultDuration = 5 * time.Second
	// countDuration bounds --count: a server that answers nothing would
	// otherwise take the time-out for each request.
	countDuration = 10 * time.Minute
)

// configEnv names the configuration file of wsticket in the environment.
const configEnv = envPrefix + "CONFIG"

// faults collects what is wrong with the flags.
type faults []error

func (f *faults) check(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// check finds every fault of the flags, and sets defaults that depend on other
// flags.
func (c *command) check() error {
	var f faults
	f.check(c.Callers >= 1 && c.Callers <= maxCallers, "--callers: must be 1 to %d (got %d)", maxCallers, c.Callers)
	f.check(c.Count >= 0, "--count: must be positive (got %d)", c.Count)
	f.check(c.Duration >= 0 && c.Duration <= maxDuration, "--duration: must be positive and at most %s (got %s)", maxDuration, c.Duration)
	f.check(c.WarmUp >= 0 && c.WarmUp <= maxDuration, "--warm-up: must be 0s to %s (got %s)", maxDuration, c.WarmUp)
	f.check(c.Timeout > 0 && c.Timeout <= time.Minute, "--timeout: must be positive and at most 1m (got %s)", c.Timeout)
	f.check(!strings.ContainsAny(c.Origin, " \r\n"), "--origin: must be an origin")
	if c.URL != "" {
		c.checkRunning(&f)
	} else {
		c.checkStarted(&f)
	}
	if c.Duration == 0 {
		c.Duration = defaultDuration
		if c.Count > 0 {
			c.Duration = countDuration
		}
	}
	return errors.Join(f...)
}

// checkRunning checks the flags for a server that runs already.
func (c *command) checkRunning(f *faults) {
	_, err := baseURL(c.URL)
	f.check(err == nil, "--url: %v", err)
	if c.Internal != "" {
		_, err := baseURL(c.Internal)
		f.check(err == nil, "--internal: %v", err)
	}
	f.check(c.BearerFile != "", "--url: needs --bearer-file")
	f.check(c.Config == "" && c.Key == "" && len(c.Set) == 0 && c.Wsticket == "",
		"--url: cannot be configured from here (--config, --key, --set, --wsticket)")
}

// checkStarted checks the flags for a server that is to be started.
func (c *command) checkStarted(f *faults) {
	configured := c.Config != "" || os.Getenv(configEnv) != ""
	f.check(c.Internal == "", "--internal: is for --url")
	f.check(c.Config == "" || c.Key != "" || c.BearerFile != "", "--config: needs --key or --bearer-file")
	f.check(c.Key == "" || c.BearerFile == "", "--key: not together with --bearer-file")
	f.check(!c.configured() || configured, "--key and --bearer-file: need --config or --url")
}

// configured reports whether a server is started as a configuration says, and
// not with everything embedded.
func (c *command) configured() bool { return c.Key != "" || c.BearerFile != "" }

// baseURL parses scheme://host[:port]. The error does not repeat the text, which
// may hold a password.
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must be http(s)://host[:port] and nothing more")
	}
	return u, nil
}
