package redisstore

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestParseURL(t *testing.T) {
	type options = redis.UniversalOptions
	one, none := scheme{standalone, false, "6379"}, tlsFiles{}
	tests := []struct {
		rule, url string
		want      target
	}{
		{"the least", "redis://h", target{one, options{Addrs: []string{"h:6379"}}, none, 0}},
		{"a trailing slash is no database", "redis://127.0.0.1:1/", target{one, options{Addrs: []string{"127.0.0.1:1"}}, none, 0}},
		{"an IPv6 address stands in brackets", "redis://[::1]", target{one, options{Addrs: []string{"[::1]:6379"}}, none, 0}},
		{"with a port too", "redis://[::1]:7", target{one, options{Addrs: []string{"[::1]:7"}}, none, 0}},
		{"the password of the default user", "redis://:p%40%3a%2F+w@h/3", target{
			one, options{Addrs: []string{"h:6379"}, Password: "p@:/+w", DB: 3}, none, 0,
		}},
		{
			"all parameters",
			"rediss://u:p@h?client_name=c&pool_size=7&min_idle_conns=1&max_idle_conns=5" +
				"&timeout=2s&conn_max_idle_time=5m&conn_max_lifetime=1h&ca_file=/a%20b&cert_file=c&key_file=k",
			target{scheme{standalone, true, "6379"}, options{
				Addrs: []string{"h:6379"}, Username: "u", Password: "p", ClientName: "c",
				PoolSize: 7, MinIdleConns: 1, MaxIdleConns: 5, ConnMaxIdleTime: 5 * time.Minute, ConnMaxLifetime: time.Hour,
			}, tlsFiles{ca: "/a b", cert: "c", key: "k"}, 2 * time.Second},
		},
		{"Sentinels, and the name of the primary", "redis+sentinel://my-name@h1,h2:5/2", target{
			scheme{sentinel, false, "26379"}, options{Addrs: []string{"h1:26379", "h2:5"}, MasterName: "my-name", DB: 2}, none, 0,
		}},
		{
			"what has a colon is credentials",
			"rediss+sentinel://user:p@h1?master=name&sentinel_username=su&sentinel_password=s%2Bp",
			target{scheme{sentinel, true, "26379"}, options{
				Addrs: []string{"h1:26379"}, MasterName: "name",
				Username: "user", Password: "p", SentinelUsername: "su", SentinelPassword: "s+p",
			}, none, 0},
		},
		{"some nodes of a cluster", "rediss+cluster://u:p@h1:1,h2", target{
			scheme{cluster, true, "6379"}, options{Addrs: []string{"h1:1", "h2:6379"}, Username: "u", Password: "p"}, none, 0,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got, faults := parseURL(tt.url)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	const (
		begin    = "must begin with one of"
		only     = "may hold nothing but"
		escaped  = "with special characters escaped"
		host     = "must be host or host:port"
		port     = "the port must be a number"
		database = "database: must be a number"
	)
	tests := []struct{ rule, url, want string }{
		{"no URL", "", begin},
		{"an address without scheme", "127.0.0.1:6379", begin},
		{"another scheme", "https://hunter2@redis.internal", begin},
		{"a socket", "unix:///run/redis.sock", begin},
		{"schemes are written in one way", "REDIS://h", begin},
		{"a password that is not escaped", "redis://:hunter2%@h", escaped},
		{"one with an @", "redis://:hun@hunter2@h", escaped},
		{"one with a colon", "redis://u:hun:hunter2@h", escaped},
		{"one that ends the authority", "redis://:hun?ter2@h", host},
		{"one that begins the path", "redis://:hun/ter2@h", host},
		{"a user without a password", "redis://hunter2@h", escaped},
		{"a password that is empty", "redis://hunter2:@h", escaped},
		{"no host", "redis://", host},
		{"no host before the port", "redis://:6379", host},
		{"a port of zero", "redis://h:0", port},
		{"a port that is none", "redis://h:hunter2", port},
		{"an IPv6 address without brackets", "redis://::1", host},
		{"a name in brackets", "redis://[h]", host},
		{"half a bracket", "redis://[::1", host},
		{"a host that is none", "redis://h unter2", host},
		{"two servers that know nothing of each other", "redis://h1,h2", "several need"},
		{"a comma at the end", "redis+cluster://h1,", host},
		{"a database that is no number", "redis://h/hunter2", database},
		{"a database below zero", "redis://h/-1", database},
		{"two databases", "redis://h/1/2", database},
		{"a cluster has one database", "redis+cluster://h/0", "a cluster has none"},
		{"Sentinels know more than one primary", "redis+sentinel://h1,h2", "name: required"},
		{"a name that is none", "redis+sentinel://@h1", "the name of the primary must be"},
		{"two names", "redis+sentinel://name@h1?master=name", "given twice"},
		{"a name with a colon would be credentials", "redis+sentinel://u:p@h1?master=na:me", "the name of the primary must be"},
		{"retries would lie about lost replies", "redis://h?max_retries=3", only},
		{"certificates are verified", "rediss://h?skip_verify=true", only},
		{"time-outs are the store's", "redis://h?read_timeout=1h", only},
		{"replicas do not know what is spent", "redis+cluster://h?read_only=true", only},
		{"an unknown parameter", "redis://h?hunter2=1", only},
		{"a parameter without TLS", "redis://h?ca_file=hunter2", only},
		{"a parameter without Sentinels", "redis+cluster://h?master=hunter2", only},
		{"one given twice", "redis://h?pool_size=1&pool_size=2", only},
		{"a semicolon hides what follows", "redis://h?pool_size=1;max_retries=3", only},
		{"a value of the wrong kind", "redis://h?pool_size=hunter2", "pool_size: must be 1 to 1000"},
		{"no connections at all", "redis://h?pool_size=0", "pool_size: must be 1 to 1000"},
		{"a duration without unit", "redis://h?conn_max_lifetime=5", "conn_max_lifetime: must be a duration"},
		{"a name that Redis refuses", "redis://h?client_name=a+b", "client_name: must be letters"},
		{"a time-out that nobody waits for", "redis://h?timeout=5s", "timeout: must be 100ms to 4s"},
		{"one that no server could hold", "redis://h?timeout=1ms", "timeout: must be 100ms to 4s"},
		{"an empty value", "rediss://h?ca_file=", "ca_file: must not be empty"},
		{"a certificate without a key", "rediss://h?cert_file=hunter2", "one needs the other"},
		{"a file that is not there", "rediss://h?ca_file=/hunter2", "ca_file: no such file"},
		{"a relative name", "rediss://h?ca_file=hun", "ca_file: no such file (it is relative to the folder "},
		{"nor there", "rediss://h?cert_file=/hunter2&key_file=/hunter2", "cert_file and key_file: no such file"},
		{"a file of something else", "rediss://h?ca_file=url_internal_test.go", "must hold certificates in PEM, not text"},
		{"and here", "rediss://h?cert_file=doc.go&key_file=doc.go", "must be a certificate and its key"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			r, err := Open(tt.url, Options{})
			if err == nil {
				_ = r.Close()
				t.Fatalf("got no error, want %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") {
				t.Errorf("the error contains a secret: %v", err)
			}
		})
	}
}

// For any URL the parser returns faults or an address.
func FuzzParseURL(f *testing.F) {
	f.Add("redis://u:p@h:1/2?pool_size=3")
	f.Add("rediss+sentinel://name@[::1],h?ca_file=/x")
	f.Add("redis+cluster://:p%40@h,h:6379")
	f.Fuzz(func(t *testing.T, raw string) {
		got, faults := parseURL(raw)
		if len(faults) > 0 {
			return
		}
		s := got.client
		if len(s.Addrs) == 0 || s.Username != "" && s.Password == "" || (s.MasterName != "") != (got.topology == sentinel) {
			t.Errorf("got %+v of %q", got, raw)
		}
	})
}

// Single use and the deadlines depend on these options, with every topology.
func TestClientsAreHardened(t *testing.T) {
	const timeout = 300 * time.Millisecond
	for _, url := range []string{"redis://h", "redis+sentinel://name@h", "redis+cluster://h"} {
		t.Run(url, func(t *testing.T) {
			target, faults := parseURL(url)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			c := newClient(target, timeout, newFenceTable(FenceOff, false).onConnect, new(handshakes))
			t.Cleanup(func() { _ = c.Close() })
			var o redis.Options // the library keeps "no retries" as 0 or as -1
			switch c := c.(type) {
			case *redis.Client:
				o = *c.Options()
			case *redis.ClusterClient:
				s := c.Options()
				if s.ReadOnly || s.RouteByLatency || s.RouteRandomly || s.MaxRedirects != maxRedirects || !s.DisableRoutingPolicies {
					t.Errorf("got %+v, want masters alone and few redirects", s)
				}
				o = redis.Options{
					MaxRetries: s.MaxRetries, ContextTimeoutEnabled: s.ContextTimeoutEnabled, DisableIdentity: s.DisableIdentity,
					ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, DialTimeout: s.DialTimeout,
				}
			default:
				t.Fatalf("got a %T", c)
			}
			if o.MaxRetries > 0 || !o.ContextTimeoutEnabled || !o.DisableIdentity ||
				o.ReadTimeout != timeout || o.WriteTimeout != timeout || o.DialTimeout <= timeout {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// TestTimeoutOfTheURL: it goes before that of the options.
func TestTimeoutOfTheURL(t *testing.T) {
	for url, want := range map[string]time.Duration{"redis://h": time.Second, "redis://h?timeout=2s": 2 * time.Second} {
		s, err := Open(url, Options{Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if s.timeout != want {
			t.Errorf("%s: got %s, want %s", url, s.timeout, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSilentHandshake: an operation that notices its time-out after that of the
// handshake says why, too.
func TestSilentHandshake(t *testing.T) {
	link := new(handshakes)
	s := &Store{handshakes: link}
	for _, row := range []struct {
		waiting int32
		silent  bool
		want    OutageKind
	}{{0, false, OutageTimeout}, {1, false, OutageTLS}, {0, true, OutageTLS}} {
		link.waiting.Store(row.waiting)
		link.silent.Store(row.silent)
		if outage, ok := errors.AsType[*OutageError](s.translate(t.Context(), os.ErrDeadlineExceeded)); !ok || outage.Kind() != row.want {
			t.Errorf("%+v: got %+v, want %s", row, outage, row.want)
		}
	}
}
