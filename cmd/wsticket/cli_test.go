package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestHelpNamesEveryCommand(t *testing.T) {
	out, _, err := runIn(t, nil, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"serve", "dev", "token", "check-config", "health", "version", "Exit status"} {
		if !strings.Contains(out, name) {
			t.Errorf("help does not name %s:\n%s", name, out)
		}
	}
}

func TestWrongUsageIsAUsageError(t *testing.T) {
	for _, args := range [][]string{{}, {"fly"}, {"serve", "--nope"}, {"token", "--sub", "x"}, {"dev", "--public", "0.0.0.0:1"}, {"serve", "extra"}} {
		_, _, err := runIn(t, nil, args...)
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("wsticket %q = %v, want a usage error", args, err)
		}
	}
}

// Whoever mistypes is told where to read on.
func TestWrongUsageNamesTheHelp(t *testing.T) {
	for want, args := range map[string][]string{
		"(see wsticket --help)":              {"fly"},
		"(see wsticket serve --help)":        {"serve", "--nope"},
		"(see wsticket print-config --help)": {"print-config"},
	} {
		if _, _, err := runIn(t, nil, args...); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("wsticket %q = %v, want %q at the end", args, err, want)
		}
	}
}

func TestVersion(t *testing.T) {
	out, _, err := runIn(t, nil, "version")
	if err != nil || !strings.HasPrefix(out, "wsticket dev (go1.") {
		t.Errorf("version = %q, %v", out, err)
	}
}

func TestCheckConfigNamesFiveOfFive(t *testing.T) {
	file := writeFile(t, "five.yaml", `
ticket: {ttl: 5m}
store: {url: "mongodb://x"}
origins: ["https://app.example.com/path"]
wss: {path: /ws}
issuers:
  - {issuer: "https://id.example.com", audience: [ws], algorithms: [RS256], public_key_file: /nowhere/key.pem}
`)
	_, _, err := runIn(t, nil, "check-config", "--config", file)
	if err == nil {
		t.Fatal("check-config finds nothing")
	}
	for _, want := range []string{
		"ticket.ttl: must be 5s..60s (got 5m0s)", "store.url: must begin with", "origins:", "wss: no such key (did you mean ws?)", `issuers[0].public_key_file: file does not exist (got "/nowhere/key.pem")`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("check-config does not say %q:\n%v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n"); lines != 5 {
		t.Errorf("check-config says %d faults, want 5:\n%v", lines, err)
	}
}

// One mistake is one fault: what is missing because of it is not told as well.
func TestFilesThatAreNoConfiguration(t *testing.T) {
	missing := "/nowhere/wsticket.yaml"
	for rule, row := range map[string]struct {
		args []string
		want string
	}{
		"no such file": {[]string{"--config", missing}, "configuration: open /nowhere/wsticket.yaml: no such file or directory"},
		"no YAML":      {[]string{"--config", writeFile(t, "c.yaml", "public: {")}, "c.yaml: not YAML (line 1)"},
		"a key":        {[]string{"--config", writeFile(t, "issuer.pem", "-----BEGIN PUBLIC KEY-----")}, "issuer.pem: not YAML of keys and values"},
		"none at all":  {nil, "issuers: must name at least one, where there is no session.lookup_url\n(no file was read: name one by --config or WSTICKET_CONFIG)"},
	} {
		for _, command := range [][]string{{"serve"}, {"check-config"}} {
			_, _, err := runIn(t, nil, append(command, row.args...)...)
			if err == nil || !strings.HasSuffix(err.Error(), row.want) {
				t.Errorf("%s: %s says %v, want %q at the end", rule, command, err, row.want)
			}
		}
	}
	for _, command := range [][]string{{"print-config", "nginx"}, {"health"}, {"token", "--sub", "a", "--key", missing}} {
		_, _, err := runIn(t, nil, append(command, "--config", missing)...)
		if err == nil || err.Error() != "configuration: open /nowhere/wsticket.yaml: no such file or directory" {
			t.Errorf("%s says %v, want that there is no file", command, err)
		}
	}
}

func TestCheckConfigOfAGoodFile(t *testing.T) {
	idp := newProvider(t)
	out, errs, err := runIn(t, nil, "check-config", "--config", idp.config(t, "memory:"))
	if err != nil || out != "the configuration is good\n" || errs != "" {
		t.Errorf("check-config = %q, %q, %v", out, errs, err)
	}
}

// Operators know keys and no packages, and what check-config does not find must
// not bring serve down.
func TestFaultsAreNamedByTheirKeys(t *testing.T) {
	idp := newProvider(t)
	for rule, row := range map[string]struct{ set, want string }{
		"a database that is no number":   {"store.url=redis://h/abc", "\nstore.url: database: must be a number"},
		"a port that is none":            {"store.url=redis://h:99999", "\nstore.url: host: must be host or host:port"},
		"Sentinels without a name":       {"store.url=redis+sentinel://h", "\nstore.url: name: required"},
		"an authority that is not there": {"store.url=rediss://h?ca_file=/gone", "\nstore.url: ca_file: no such file"},
		"a key file that is not there":   {"issuers=[{issuer: a, audience: [ws], public_key_file: /gone}]", "\nissuers[0].public_key_file: file does not exist"},
	} {
		args := []string{"--config", idp.config(t, "memory:"), "--set", "ticket.seal_key_file=" + writeFile(t, "seal.keys", sealKeyA), "--set", row.set}
		_, _, err := runIn(t, nil, append([]string{"check-config"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: check-config says %v, want one fault %q", rule, err, row.want)
		}
		_, _, err = runIn(t, nil, append([]string{"serve"}, args...)...)
		if want := strings.TrimPrefix(row.want, "\n"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: serve says %v, want %q", rule, err, want)
		}
	}
}

func TestTokenIsWhatTheFlagsSay(t *testing.T) {
	idp := newProvider(t)
	out, _, err := runIn(t, nil, "token", "--sub", "alice", "--key", idp.private, "--issuer", "https://id.example.com", "--audience", "ws",
		"--ttl", "10m", "--claim", "email=alice@example.com", "--claim", `groups=["a","b"]`, "--claim", "level=3", "--kid", "k1")
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(out), claims)
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["alg"] != "RS256" || token.Header["typ"] != "at+jwt" || token.Header["kid"] != "k1" {
		t.Errorf("header = %v", token.Header)
	}
	if claims["sub"] != "alice" || claims["email"] != "alice@example.com" || claims["level"] != 3.0 || len(claims["groups"].([]any)) != 2 { //nolint:errcheck,forcetypeassert // a panic fails the test as well
		t.Errorf("claims = %v", claims)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || time.Until(expires.Time) > 10*time.Minute || time.Until(expires.Time) < 9*time.Minute {
		t.Errorf("exp = %v, %v, want in 10 minutes", expires, err)
	}
}

func TestTokenTakesDefaultsFromTheConfiguration(t *testing.T) {
	idp := newProvider(t)
	file := idp.config(t, "memory:")
	p := start(t, "serve", "--config", file)
	for _, env := range [][]string{nil, {"WSTICKET_CONFIG=" + file}} {
		args := []string{"token", "--sub", "carol", "--key", idp.private}
		if env == nil {
			args = append(args, "--config", file)
		}
		out, _, err := runIn(t, env, args...)
		if err != nil {
			t.Fatal(err)
		}
		if _, hello, _ := dial(t, issue(t, p.public, strings.TrimSpace(out)).URL, nil); hello.UserID != "carol" {
			t.Errorf("greeted as %+v, want carol", hello)
		}
	}
}

func TestTokenWithASharedSecret(t *testing.T) {
	secret := writeFile(t, "secret", "0123456789abcdef0123456789abcdef-of-our-own\n")
	file := writeFile(t, "c.yaml", `
public: {listen: "127.0.0.1:0"}
internal: {listen: "127.0.0.1:0"}
issuers: [{issuer: me, audience: [ws], algorithms: [HS256], hmac_secret_file: "`+secret+`"}]
`)
	p := start(t, "serve", "--config", file)
	out, _, err := runIn(t, nil, "token", "--sub", "dave", "--key", secret, "--algorithm", "HS256", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	issue(t, p.public, strings.TrimSpace(out))
}

func TestTokenRefuses(t *testing.T) {
	idp := newProvider(t)
	sealed := writeFile(t, "c.yaml", `
identity: {assertion_key_file: "`+idp.private+`"}
`)
	short := writeFile(t, "short", "too short")
	for _, row := range []struct {
		rule, want string
		args       []string
	}{
		{"a key that signs assertions signs no bearers", "is identity.assertion_key_file", []string{"--key", idp.private, "--config", sealed}},
		{"a public key cannot sign", "no private key", []string{"--key", idp.public}},
		{"a file that is no key", "not PEM", []string{"--key", short}},
		{"a secret that is too short", "at least 32 bytes", []string{"--key", short, "--algorithm", "HS256"}},
		{"a PEM file is no secret", "is PEM", []string{"--key", idp.private, "--algorithm", "HS256"}},
		{"nobody", "--sub must not be empty", []string{"--key", idp.private, "--sub", ""}},
		{"a file that is not there", "no such file", []string{"--key", short + "x"}},
		{"an algorithm that the key cannot do", "does not fit ES256", []string{"--key", idp.private, "--algorithm", "ES256"}},
		{"no algorithm at all", "no such algorithm", []string{"--key", idp.private, "--algorithm", "none"}},
		{"a claim without a value", "--claim must be name=value", []string{"--key", idp.private, "--claim", "x"}},
		{"a claim that a flag sets", "--claim exp: is set by the other flags", []string{"--key", idp.private, "--claim", "exp=1"}},
		{"a lifetime of nothing", "--ttl must be positive", []string{"--key", idp.private, "--ttl", "0s"}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			out, _, err := runIn(t, nil, append([]string{"token", "--sub", "x"}, row.args...)...)
			if err == nil || !strings.Contains(err.Error(), row.want) || out != "" {
				t.Errorf("token = %q, %v, want it to say %q", out, err, row.want)
			}
		})
	}
}
