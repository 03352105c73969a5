package store

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

// topology is how the servers behind a URL stand to each other.
type topology int

const (
	standalone topology = iota
	watched             // by Sentinels
	sharded             // as a cluster
)

// scheme is what the beginning of a URL says.
type scheme struct {
	topology topology
	tls      bool
	port     string // where the URL names none
}

func schemes() map[string]scheme {
	return map[string]scheme{
		"redis": {standalone, false, "6379"}, "rediss": {standalone, true, "6379"},
		"redis+sentinel": {watched, false, "26379"}, "rediss+sentinel": {watched, true, "26379"},
		"redis+cluster": {sharded, false, "6379"}, "rediss+cluster": {sharded, true, "6379"},
	}
}

// target is what a URL says. The client library's own reading of URLs knows
// neither Sentinels nor clusters in this form, takes parameters that break
// single use, and quotes passwords in its errors.
type target struct {
	scheme
	settings redis.UniversalOptions
	files    tlsFiles
}

// parseURL reads the grammar that [OpenRedis] documents. It leaves the URL out
// of its errors, piece by piece: what looks like the name of a host or of a
// parameter may be the end of a password with an "@" or a "?" in it.
func parseURL(raw string) (*target, error) {
	name, rest, ok := strings.Cut(raw, "://")
	kind, known := schemes()[name]
	if !ok || !known {
		return nil, fmt.Errorf("store: redis: url: must begin with one of %q, then ://",
			slices.Sorted(maps.Keys(schemes())))
	}
	t := &target{scheme: kind}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	var faults []error
	add := func(part string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("store: redis: url: %s: %w", part, err))
		}
	}
	if at >= 0 {
		add("before the @", t.readUser(authority[:at]))
	}
	add("host", t.readHosts(authority[at+1:]))
	add("database", t.readDatabase(path))
	add("query", t.readQuery(query))
	if t.topology == watched && len(faults) == 0 && t.settings.MasterName == "" {
		add("name", errors.New("required: redis+sentinel://name@host,host, or ?master=name"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return t, nil
}

// readUser takes what has a colon as credentials. Without one it is the name
// that the Sentinels have for the primary.
func (t *target) readUser(text string) error {
	user, password, ok := strings.Cut(text, ":")
	if !ok && t.topology == watched {
		return t.readMaster(text)
	}
	user, userErr := unescape(user)
	password, passwordErr := unescape(password)
	if !ok || userErr != nil || passwordErr != nil || password == "" {
		return errors.New("must be user:password or :password, with special characters escaped as in %40")
	}
	t.settings.Username, t.settings.Password = user, password
	return nil
}

// unescape refuses what a URL must not hold as it is. An "@" or ":" that is
// not escaped would leave open where the password ends.
func unescape(text string) (string, error) {
	if strings.ContainsAny(text, "@:/?#[] \t\r\n") {
		return "", errors.New("not escaped")
	}
	return url.PathUnescape(text)
}

func (t *target) readMaster(name string) error {
	if name == "" || !plain(name) || strings.Contains(name, ":") {
		return errors.New("the name of the primary must be letters, digits and ._-")
	}
	if t.settings.MasterName != "" {
		return errors.New("the name of the primary is given twice")
	}
	t.settings.MasterName = name
	return nil
}

func (t *target) readHosts(text string) error {
	for host := range strings.SplitSeq(text, ",") {
		addr, ok := address(host, t.port)
		if !ok {
			return errors.New("must be host or host:port, and [address] where that has colons")
		}
		t.settings.Addrs = append(t.settings.Addrs, addr)
	}
	if t.topology == standalone && len(t.settings.Addrs) > 1 {
		return errors.New("several need redis+sentinel:// or redis+cluster://")
	}
	return nil
}

// address checks a host with or without a port.
func address(text, port string) (addr string, ok bool) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if bare, found := strings.CutPrefix(text, "["); found {
		if host, found = strings.CutSuffix(bare, "]"); !found {
			return "", false
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", false
	}
	isName := plain(host) && !strings.Contains(host, ":")
	if host == "" || !isName && net.ParseIP(host) == nil {
		return "", false
	}
	// A name or IPv4 address in brackets, and an IPv6 address without.
	if strings.HasPrefix(text, "[") == isName {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

func (t *target) readDatabase(text string) error {
	if text == "" {
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return errors.New("must be a number")
	}
	if t.topology == sharded {
		return errors.New("a cluster has none to choose from")
	}
	t.settings.DB = int(number)
	return nil
}

// readQuery takes each parameter at most once.
func (t *target) readQuery(text string) error {
	set := t.parameters()
	values, err := url.ParseQuery(text)
	for name, value := range values {
		if set[name] == nil || len(value) != 1 {
			err = errors.New("unknown or given twice")
		}
	}
	if err != nil {
		return fmt.Errorf("may hold nothing but %q, each once", slices.Sorted(maps.Keys(set)))
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := set[name](values.Get(name)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// parameters are those that make sense for the scheme.
func (t *target) parameters() map[string]func(string) error {
	s := &t.settings
	set := map[string]func(string) error{
		"client_name":        word(&s.ClientName),
		"pool_size":          count(&s.PoolSize),
		"min_idle_conns":     count(&s.MinIdleConns),
		"max_idle_conns":     count(&s.MaxIdleConns),
		"conn_max_idle_time": duration(&s.ConnMaxIdleTime),
		"conn_max_lifetime":  duration(&s.ConnMaxLifetime),
	}
	if t.tls {
		set["ca_file"], set["cert_file"], set["key_file"] = text(&t.files.ca), text(&t.files.cert), text(&t.files.key)
	}
	if t.topology == watched {
		set["master"] = t.readMaster
		set["sentinel_username"], set["sentinel_password"] = text(&s.SentinelUsername), text(&s.SentinelPassword)
	}
	return set
}

func text(to *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("must not be empty")
		}
		*to = value
		return nil
	}
}

// word is a text that Redis takes as a name.
func word(to *string) func(string) error {
	return func(value string) error {
		if value == "" || !plain(value) {
			return errors.New("must be letters, digits and ._:-")
		}
		*to = value
		return nil
	}
}

// maxConns bounds what one process may ask of a server that has room for
// 10000 clients.
const maxConns = 1000

func count(to *int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxConns {
			return fmt.Errorf("must be 1 to %d", maxConns)
		}
		*to = n
		return nil
	}
}

func duration(to *time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("must be a duration such as 5m")
		}
		*to = d
		return nil
	}
}
