package redisstore

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// maxConns limits the connections of one process. A server accepts 10000 by
// default.
const maxConns = 1000

// The bounds of a time-out of operations that is in the URL. Those who wait for a
// handshake do so for 5 s.
const minTimeout, maxTimeout = 100 * time.Millisecond, 4 * time.Second

// setParameters takes each parameter of the query at most once.
func (t *target) setParameters(query string) (faults []error) {
	known := t.parameters()
	values, err := url.ParseQuery(query)
	for name, value := range values {
		if known[name] == nil || len(value) != 1 {
			err = errors.New("unknown or given twice")
		}
	}
	if err != nil {
		return []error{fmt.Errorf("may hold nothing but %q, each once", slices.Sorted(maps.Keys(known)))}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := known[name](values.Get(name)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return faults
}

// parameters are the ones that the scheme allows.
func (t *target) parameters() map[string]func(value string) error {
	o := &t.client
	known := map[string]func(string) error{
		"client_name":        setName(&o.ClientName),
		"pool_size":          setConns(&o.PoolSize),
		"min_idle_conns":     setConns(&o.MinIdleConns),
		"max_idle_conns":     setConns(&o.MaxIdleConns),
		"conn_max_idle_time": setDuration(&o.ConnMaxIdleTime),
		"conn_max_lifetime":  setDuration(&o.ConnMaxLifetime),
		"timeout":            t.setTimeout,
	}
	if t.tls {
		known["ca_file"] = setText(&t.files.ca)
		known["cert_file"] = setText(&t.files.cert)
		known["key_file"] = setText(&t.files.key)
	}
	if t.topology == sentinel {
		known["master"] = t.setMaster
		known["sentinel_username"] = setText(&o.SentinelUsername)
		known["sentinel_password"] = setText(&o.SentinelPassword)
	}
	return known
}

func (t *target) setTimeout(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < minTimeout || d > maxTimeout {
		return fmt.Errorf("must be %s to %s", minTimeout, maxTimeout)
	}
	t.timeout = d
	return nil
}

func setText(to *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("must not be empty")
		}
		*to = value
		return nil
	}
}

// setName is for what Redis accepts as the name of a client.
func setName(to *string) func(string) error {
	return func(value string) error {
		if value == "" || !isName(value) {
			return errors.New("must be letters, digits and ._:-")
		}
		*to = value
		return nil
	}
}

func setConns(to *int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxConns {
			return fmt.Errorf("must be 1 to %d", maxConns)
		}
		*to = n
		return nil
	}
}

func setDuration(to *time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("must be a duration such as 5m")
		}
		*to = d
		return nil
	}
}
