package gate

import (
	"errors"
	"net/http"
	"testing"
)

func TestCheckForwarded(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	keys := func(values ...string) http.Header { return http.Header{"Sec-Websocket-Key": values} }
	versions := func(values ...string) http.Header {
		return http.Header{"Sec-Websocket-Key": {key}, "Sec-Websocket-Version": values}
	}
	for _, row := range []struct {
		rule, method string
		header       http.Header
		want         error
	}{
		{"GET with a key", "GET", keys(key), nil},
		{"GET with a key and the version", "GET", versions("13"), nil},
		{"CONNECT has no key", "CONNECT", nil, nil},
		{"a link that is followed", "GET", nil, ErrUpgrade},
		{"HEAD", "HEAD", keys(key), ErrMethod},
		{"POST", "POST", keys(key), ErrMethod},
		{"a method in lower case is another one", "get", keys(key), ErrMethod},
		{"no method", "", keys(key), ErrMethod},
		{"another version", "GET", versions("8"), ErrVersion},
		{"two versions", "GET", versions("13", "8"), ErrVersion},
		{"a list of versions", "GET", versions("13, 8"), ErrVersion},
		{"an empty key", "GET", keys(""), ErrMalformed},
		{"two keys", "GET", keys(key, key), ErrMalformed},
		{"a key that is too short", "GET", keys("dGhlIHNhbXBsZQ=="), ErrMalformed},
		{"a key that is no base64", "GET", keys("dGhlIHNhbXBsZSBub25jZ!=="), ErrMalformed},
		{"a key of CONNECT that is none", "CONNECT", keys("x"), ErrMalformed},
	} {
		if got := checkForwardedShape(row.method, row.header); !errors.Is(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.rule, got, row.want)
		}
	}
}
