package config

import (
	"strings"
	"testing"
)

func TestCheckListen(t *testing.T) {
	for _, row := range []struct{ rule, addr, want string }{
		{"every address", ":8080", ""},
		{"one address", "127.0.0.1:0", ""},
		{"IPv6", "[::1]:8080", ""},
		{"a name", "localhost:65535", ""},
		{"nothing", "", "must not be empty"},
		{"a port alone", "8080", "write :8080"},
		{"a host alone", "localhost", "write localhost:8080"},
		{"an address alone", "::1", "write [::1]:8080"},
		{"IPv6 without brackets", "::1:8080", "write [::1]:8080"},
		{"half of its brackets", "[::1", "write [::1]:8080"},
		{"brackets alone", "[::1]", "write [::1]:8080"},
		{"a colon alone", "localhost:", "the port must be"},
		{"a URL", "http://localhost:8080", "not a URL"},
		{"a port that is a name", "localhost:http", "must be a number"},
		{"a port that is too large", ":65536", "must be a number"},
		{"a path", "localhost/x:80", "the host must be"},
	} {
		err := CheckListen(row.addr)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.rule, err, row.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{":8080", "127.0.0.1:8080", true},
		{"0.0.0.0:8080", "[::1]:8080", true},
		{"localhost:8080", "127.0.0.1:8080", true},
		{"10.0.0.1:8080", "10.0.0.2:8080", false},
		{":8080", ":8081", false},
		{":0", ":0", false},
		{"nonsense", "nonsense", false},
	} {
		if overlap(row.a, row.b) != row.want || overlap(row.b, row.a) != row.want {
			t.Errorf("%s and %s: want %t", row.a, row.b, row.want)
		}
	}
}
