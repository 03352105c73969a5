package redisstore

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// topology is how the servers behind a URL are arranged.
type topology int

const (
	standalone topology = iota
	sentinel
	cluster
)

// scheme is the meaning of the scheme of a URL.
type scheme struct {
	topology topology
	tls      bool
	port     string // the default
}

var schemes = map[string]scheme{
	"redis": {standalone, false, "6379"}, "rediss": {standalone, true, "6379"},
	"redis+sentinel": {sentinel, false, "26379"}, "rediss+sentinel": {sentinel, true, "26379"},
	"redis+cluster": {cluster, false, "6379"}, "rediss+cluster": {cluster, true, "6379"},
}

// target is a parsed URL. The client library's own parser knows neither
// Sentinels nor clusters in this form, accepts parameters that break single
// use, and quotes passwords in its errors.
type target struct {
	scheme
	client redis.UniversalOptions
	files  tlsFiles
	// timeout is that of operations, zero if the URL has none.
	timeout time.Duration
}

// parseURL parses the grammar that [Open] documents. The faults repeat no part
// of the URL: what looks like the name of a host or of a parameter may be the
// end of a password with an "@" or a "?" in it.
func parseURL(raw string) (*target, []error) {
	name, rest, ok := strings.Cut(raw, "://")
	kind, known := schemes[name]
	if !ok || !known {
		return nil, []error{fmt.Errorf("must begin with one of %s://, as in redis://localhost:6379", strings.Join(slices.Sorted(maps.Keys(schemes)), "://, "))}
	}
	t := &target{scheme: kind}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	var faults []error
	add := func(part string, errs ...error) {
		for _, err := range errs {
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", part, err))
			}
		}
	}
	if at >= 0 {
		add("before the @", t.setUser(authority[:at]))
	}
	add("host", t.setHosts(authority[at+1:]))
	add("database", t.setDatabase(path))
	add("query", t.setParameters(query)...)
	if t.topology == sentinel && len(faults) == 0 && t.client.MasterName == "" {
		add("name", errors.New("required: redis+sentinel://name@host,host, or ?master=name"))
	}
	return t, faults
}

// setUser takes text with a colon as credentials. Without one it is the
// Sentinels' name for the primary.
func (t *target) setUser(text string) error {
	user, password, ok := strings.Cut(text, ":")
	if !ok && t.topology == sentinel {
		return t.setMaster(text)
	}
	user, userErr := unescape(user)
	password, passwordErr := unescape(password)
	if !ok || userErr != nil || passwordErr != nil || password == "" {
		return errors.New("must be user:password or :password, with special characters escaped as in %40")
	}
	t.client.Username, t.client.Password = user, password
	return nil
}

// unescape refuses characters that a URL must escape: with a bare "@" or ":"
// the end of the password would be ambiguous.
func unescape(text string) (string, error) {
	if strings.ContainsAny(text, "@:/?#[] \t\r\n") {
		return "", errors.New("not escaped")
	}
	return url.PathUnescape(text)
}

func (t *target) setMaster(name string) error {
	if name == "" || !isName(name) || strings.Contains(name, ":") {
		return errors.New("the name of the primary must be letters, digits and ._-")
	}
	if t.client.MasterName != "" {
		return errors.New("the name of the primary is given twice")
	}
	t.client.MasterName = name
	return nil
}

func (t *target) setHosts(text string) error {
	for host := range strings.SplitSeq(text, ",") {
		addr, err := parseHost(host, t.port)
		if err != nil {
			return err
		}
		t.client.Addrs = append(t.client.Addrs, addr)
	}
	if t.topology == standalone && len(t.client.Addrs) > 1 {
		return errors.New("several need redis+sentinel:// or redis+cluster://")
	}
	return nil
}

var (
	errHost = errors.New("must be host or host:port, and [address] where that has colons")
	errPort = errors.New("the port must be a number from 1 to 65535 (a password stands before an @, as in redis://:password@host:6379)")
)

// parseHost reads a host with or without a port.
func parseHost(text, port string) (addr string, err error) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if bare, found := strings.CutPrefix(text, "["); found {
		if host, found = strings.CutSuffix(bare, "]"); !found {
			return "", errHost
		}
	}
	hasNoColon := isName(host) && !strings.Contains(host, ":")
	if host == "" || !hasNoColon && net.ParseIP(host) == nil {
		return "", errHost
	}
	// An IPv6 address has brackets; a name or an IPv4 address has none.
	if strings.HasPrefix(text, "[") == hasNoColon {
		return "", errHost
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", errPort
	}
	return net.JoinHostPort(host, port), nil
}

func (t *target) setDatabase(text string) error {
	if text == "" {
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return errors.New("must be a number, as in redis://host:6379/0")
	}
	if t.topology == cluster {
		return errors.New("a cluster has none to choose from")
	}
	t.client.DB = int(number)
	return nil
}
