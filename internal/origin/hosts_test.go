package origin_test

import (
	"slices"
	"strings"
	"testing"

	"wsticket/internal/origin"
)

func TestHostsAllows(t *testing.T) {
	hosts, err := origin.NewHosts([]string{"API.example.com", "localhost:8080", "[::1]", "127.0.0.1", "ws_1", "kube", "tls.example.com:443", "plain.example.com:80"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rule, host string
		want       bool
	}{
		{"the configured name", "api.example.com", true},
		{"names have no case (RFC 9110 4.2.3)", "Api.Example.COM", true},
		{"without a configured port any port is right", "api.example.com:8443", true},
		{"with a configured port that port is right", "localhost:8080", true},
		{"IPv6", "[::1]:9000", true},
		{"IPv6 in a longer spelling is the same address", "[0:0:0:0:0:0:0:1]", true},
		{"IPv4", "127.0.0.1:80", true},
		{"names of containers may hold an underscore", "ws_1", true},
		{"the default port of https, as it is configured", "tls.example.com:443", true},
		{"and left out", "tls.example.com", true},
		{"the default port of http, left out", "plain.example.com", true},
		{"the default port of the other scheme", "tls.example.com:80", false},
		{"another port than that", "tls.example.com:8443", false},
		{"the default port spelt out where none is configured", "api.example.com:443", true},
		{"another port than the configured one", "localhost:8081", false},
		{"no port where one is configured", "localhost", false},
		{"H8 a foreign host", "evil.example", false},
		{"H8 no host at all (HTTP/1.0)", "", false},
		{"a suffix is no match", "evilapi.example.com", false},
		{"a subdomain is no match", "x.api.example.com", false},
		{"a prefix is no match", "api.example.com.evil.example", false},
		{"a trailing dot is another name to cookies and certificates", "api.example.com.", false},
		{"an empty port", "api.example.com:", false},
		{"port zero", "api.example.com:0", false},
		{"two ports", "api.example.com:80:80", false},
		{"a port that is none", "api.example.com:http", false},
		{"user information", "x@api.example.com", false},
		{"a path", "api.example.com/x", false},
		{"a list", "api.example.com, evil.example", false},
		{"white space", "api.example.com ", false},
		{"the Kelvin sign, which Unicode folds to a k", "\u212aube", false},
		{"a wildcard", "*", false},
		{"only brackets", "[]", false},
		{"an open bracket", "[::1", false},
		{"a zone", "[::1%lo]", false},
		{"ten thousand bytes", strings.Repeat("a", 10_000), false},
	} {
		if got := hosts.Allows(tt.host); got != tt.want {
			t.Errorf("%s: Allows(%.60q) = %v, want %v", tt.rule, tt.host, got, tt.want)
		}
	}
}

func TestHostsNames(t *testing.T) {
	hosts, err := origin.NewHosts([]string{"b.example:443", "A.example", "[::1]:8080"})
	if want := []string{"[::1]:8080", "a.example", "b.example:443"}; err != nil || !slices.Equal(hosts.Names(), want) {
		t.Errorf("got %q, %v, want %q", hosts.Names(), err, want)
	}
	var missing *origin.Hosts
	if got := missing.Names(); got != nil {
		t.Errorf("nil: got %q", got)
	}
}

func TestEmptyHostsAllowNothing(t *testing.T) {
	none, err := origin.NewHosts(nil)
	if err != nil {
		t.Fatal(err)
	}
	var missing *origin.Hosts
	for name, hosts := range map[string]*origin.Hosts{"nil": missing, "zero": {}, "no entries": none} {
		for _, host := range []string{"", "localhost", "localhost:80"} {
			if hosts.Allows(host) {
				t.Errorf("%s hosts: Allows(%q) = true, want a refusal", name, host)
			}
		}
	}
}

func TestNewHostsNamesEveryFault(t *testing.T) {
	faulty := []string{"", "*", "*.example.com", "https://api.example.com", "api.example.com/ws", "api.example.com:x", "::1", "a@b"}
	hosts, err := origin.NewHosts(append(faulty, "good.example"))
	if err == nil || hosts != nil {
		t.Fatalf("NewHosts = %v, %v, want only an error", hosts, err)
	}
	for _, entry := range faulty {
		if want := `host "` + entry + `":`; !strings.Contains(err.Error(), want) {
			t.Errorf("error does not hold %q:\n%v", want, err)
		}
	}
}
