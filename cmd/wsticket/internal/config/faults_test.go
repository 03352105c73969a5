package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/auth"
	"wsticket/gate"
	"wsticket/identity"
	"wsticket/live"
	"wsticket/store/memstore"
	"wsticket/store/redisstore"
	"wsticket/ticket"
	"wsticket/ws"
)

// optionErrors are the faults of some fields of a package.
func optionErrors(pkg string, fields ...string) error {
	f := ticket.OptionErrors{Package: pkg}
	for _, field := range fields {
		f.Check(false, field, "is wrong")
	}
	return f.Err()
}

func TestByKey(t *testing.T) {
	own := NewFaults()
	own.Check(false, "log.level", "is wrong")
	for _, row := range []struct {
		rule string
		err  error
		want string
	}{
		{"none", nil, ""},
		{"a field", optionErrors("ticket", "TTL"), "ticket.ttl: is wrong"},
		{"a field in a list", optionErrors("auth", "Issuers[1].JWKSURL"), "issuers[1].jwks_url: is wrong"},
		{"an element of a list", optionErrors("auth", "Issuers[12]"), "issuers[12]: is wrong"},
		{"our own", own.Err(), "log.level: is wrong"},
		{"another error", errors.New("stop"), "stop"},
		{"what is missing because of another fault", errors.Join(optionErrors("ticket", "Store", "TTL"), optionErrors("ws", "Gate")), "ticket.ttl: is wrong"},
		{"what is missing for no other fault", optionErrors("ticket", "Store"), "ticket: Store: is wrong"},
		{"joined twice", errors.Join(errors.Join(own.Err(), nil), errors.Join(optionErrors("ticket", "TTL", "RetryWindow"))), "log.level: is wrong\nticket.ttl: is wrong\nticket.retry_window: is wrong"},
	} {
		got := ""
		if err := ByKey(row.err); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got, row.want)
		}
	}
}

func TestOnly(t *testing.T) {
	f := NewFaults()
	for _, key := range []string{"ws.path", "internal.api_keys[0].name", "wsx", "public", "log.level"} {
		f.Check(false, key, "is wrong")
	}
	err := Only(errors.Join(ByKey(f.Err()), errors.New("stop")), "ws", "internal.api_keys", "public")
	if want := "ws.path: is wrong\ninternal.api_keys[0].name: is wrong\npublic: is wrong\nstop"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestFieldKeys looks for each key of the table in the settings, and for each
// field in the Options of its package.
func TestFieldKeys(t *testing.T) {
	var keys []string
	for _, key := range Keys() {
		keys = append(keys, key.Path)
	}
	for field, key := range fieldKeys {
		if !slices.ContainsFunc(keys, func(k string) bool {
			return k == key || strings.HasPrefix(k, strings.TrimSuffix(key, "[]")+".") || strings.HasPrefix(k, key+".")
		}) {
			t.Errorf("%s: there is no key %s", field, key)
		}
		pkg, path, _ := strings.Cut(field, ".")
		if !slices.ContainsFunc(optionTypes[pkg], func(o reflect.Type) bool { return hasField(o, path) }) {
			t.Errorf("%s: there is no such field", field)
		}
	}
}

var optionTypes = map[string][]reflect.Type{
	"audit":      {reflect.TypeFor[audit.Options]()},
	"ticket":     {reflect.TypeFor[ticket.Options]()},
	"memstore":   {reflect.TypeFor[memstore.Options]()},
	"redisstore": {reflect.TypeFor[redisstore.Options](), reflect.TypeFor[struct{ URL string }]()}, // an argument of Open
	"auth": {
		reflect.TypeFor[auth.Options](), reflect.TypeFor[auth.SessionOptions](),
		reflect.TypeFor[struct{ Keys []auth.APIKey }](), // that of NewKeyring
	},
	"identity": {reflect.TypeFor[identity.Options]()},
	"gate":     {reflect.TypeFor[gate.Options]()},
	"live":     {reflect.TypeFor[live.Options]()},
	"ws":       {reflect.TypeFor[ws.Options]()},
	"api":      {reflect.TypeFor[api.Options]()},
}

// hasField follows a path such as "Issuers[].JWKSURL".
func hasField(t reflect.Type, path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(name, "[]")
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		field, ok := t.FieldByName(name)
		if !ok || list && field.Type.Kind() != reflect.Slice {
			return false
		}
		if t = field.Type; list {
			t = t.Elem()
		}
	}
	return true
}
