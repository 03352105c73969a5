package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// goodFile is the smallest file that serve starts with.
const goodFile = `
issuers:
  - issuer: https://id.example.com
    audience: [ws]
    algorithms: [RS256]
    jwks_url: https://id.example.com/jwks.json
`

func loadText(t *testing.T, text string, env []string, set ...string) (Config, error) {
	t.Helper()
	return Flags{Config: test.WriteFile(t, "wsticket.yaml", text), Set: set}.Load(env, Config.Validate)
}

func TestLayersOfTheConfiguration(t *testing.T) {
	name := test.WriteFile(t, "c.yaml", goodFile+"ticket: {ttl: 20s, retention: 1m}\nlog: {level: debug}\n")
	env := []string{"WSTICKET_CONFIG=" + name, "WSTICKET_TICKET_TTL=25s", "WSTICKET_LOG_LEVEL=warn", "HOME=/"}
	cfg, err := Flags{Public: "127.0.0.1:0", Set: []string{"log.level=error"}}.Load(env, Config.Validate)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Ticket.TTL != 25*time.Second || cfg.Ticket.Retention != time.Minute || cfg.Log.Level != "error" ||
		!slices.Equal(cfg.WS.Paths, []string{"/ws"}) || cfg.Public.Listen != "127.0.0.1:0" || len(cfg.Issuers) != 1 {
		t.Errorf("loaded %+v, want file < environment < flags over the defaults", cfg)
	}
	if _, err := (Flags{Config: name + ".gone"}).Load(env, Config.Validate); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// None is the default of package gate, and the full list is those that are
// possible.
func TestOpenDoors(t *testing.T) {
	sessions := Default()
	sessions.Session.Cookie, sessions.WS.Doors = "sid", AllDoors()
	all := Default()
	all.WS.Doors = AllDoors()
	few := Default()
	few.WS.Doors = []string{"first_message", "query"}
	for want, cfg := range map[string]Config{
		"[]": Default(),
		"[query subprotocol header first_message]":        all,
		"[query subprotocol header cookie first_message]": sessions,
		"[first_message query]":                           few,
	} {
		if got := fmt.Sprint(cfg.OpenDoors()); got != want {
			t.Errorf("doors %q with cookie %q: open %s, want %s", cfg.WS.Doors, cfg.Session.Cookie, got, want)
		}
	}
}

func TestConfigFaultsKeepSecrets(t *testing.T) {
	const password = "hunter2-password"
	_, err := loadText(t, "store: {url: \"mysql://u:"+password+"@h\"}", nil)
	if err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("load = %v, want a fault without the password", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"125": 125, "64KiB": 65536, "1MiB": 1 << 20, "500B": 500} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5KiB", "KiB", "99999999999MiB", "1 KiB", "0x10"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
	for size, want := range map[Size]string{1 << 20: "1MiB", 64 << 10: "64KiB", 1000: "1000"} {
		if got := size.String(); got != want {
			t.Errorf("String of %d = %q, want %q", int64(size), got, want)
		}
	}
}

// TestLeewayOfAnIssuer: an issuer has leeway unless it is set to none.
func TestLeewayOfAnIssuer(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 5 * time.Second, "    leeway: 0s\n": 0, "    leeway: 20s\n": 20 * time.Second, "    leeway:\n": 5 * time.Second} {
		cfg, err := loadText(t, goodFile+text, nil)
		if err != nil || cfg.Issuers[0].Leeway != want {
			t.Errorf("%q: %v, leeway %s, want %s", text, err, cfg.Issuers[0].Leeway, want)
		}
	}
	cfg, err := loadText(t, "ws:\n", nil, `issuers=[{issuer: a, audience: [b], public_key_file: c}]`)
	if err != nil || cfg.Issuers[0].Leeway != 5*time.Second {
		t.Errorf("on the command line: %v, %+v", err, cfg.Issuers)
	}
}

// TestSuggestionsPreferThePlace: a letter too many is likelier than a key of
// another section.
func TestSuggestionsPreferThePlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"issuers: [{claim_names: {scopes: scp}}]": "issuers[0].claim_names.scopes: no such key (did you mean issuers[0].claim_names.scope?)",
		"ws: {url: x}": "did you mean public.url",
	} {
		cfg := Default()
		if err := load(&cfg, layers{fileName: "f", file: []byte(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
