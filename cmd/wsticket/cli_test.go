package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/internal/buildinfo"
	"wsticket/internal/test"
)

func TestHelpNamesEveryCommand(t *testing.T) {
	out, _, err := runIn(t, nil, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"serve", "dev", "token", "check-config", "explain", "health", "version", "Exit status"} {
		if !strings.Contains(out, name) {
			t.Errorf("help does not name %s:\n%s", name, out)
		}
	}
}

// Each error of the command line names the help to read.
func TestWrongUsage(t *testing.T) {
	for _, row := range []struct {
		help string
		args []string
	}{
		{"wsticket --help", nil},
		{"wsticket --help", []string{"fly"}},
		{"wsticket serve --help", []string{"serve", "--nope"}},
		{"wsticket serve --help", []string{"serve", "extra"}},
		{"wsticket token --help", []string{"token", "--sub", "x"}},
		{"wsticket print-config --help", []string{"print-config"}},
	} {
		_, _, err := runIn(t, nil, row.args...)
		if _, ok := errors.AsType[usageError](err); !ok || !strings.HasSuffix(err.Error(), "(see "+row.help+")") {
			t.Errorf("wsticket %q = %v, want a usage error that names %s", row.args, err, row.help)
		}
	}
}

func TestVersion(t *testing.T) {
	out, _, err := runIn(t, nil, "version")
	if err != nil || !strings.HasPrefix(out, "wsticket dev (go1.") {
		t.Errorf("version = %q, %v", out, err)
	}
	out, _, err = runIn(t, nil, "version", "--json")
	var got buildinfo.Info
	if json.Unmarshal([]byte(out), &got) != nil || got != buildinfo.Read() || err != nil {
		t.Errorf("version --json = %q, %v, want %+v", out, err, buildinfo.Read())
	}
}

// One mistake is one fault: parts that are missing because of it are not
// reported.
func TestFilesThatAreNoConfiguration(t *testing.T) {
	missing := "/nowhere/wsticket.yaml"
	for rule, row := range map[string]struct {
		args []string
		want string
	}{
		"no such file": {[]string{"--config", missing}, "configuration: no such file: /nowhere/wsticket.yaml (there is no folder /nowhere)"},
		"no YAML":      {[]string{"--config", test.WriteFile(t, "c.yaml", "public: {")}, "c.yaml: not YAML (near line 1: a value is missing, or a bracket or comma is too many)"},
		"a key":        {[]string{"--config", test.WriteFile(t, "issuer.pem", "-----BEGIN PUBLIC KEY-----")}, "(it holds damaged PEM)"},
		"none at all":  {nil, "issuers: must name at least one, unless session.lookup_url is set\n(no file was read: name one with --config FILE or WSTICKET_CONFIG)"},
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
		if err == nil || err.Error() != "configuration: no such file: /nowhere/wsticket.yaml (there is no folder /nowhere)" {
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
	secret := test.WriteFile(t, "secret", "0123456789abcdef0123456789abcdef-of-our-own\n")
	file := test.WriteFile(t, "c.yaml", `
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
	sealed := test.WriteFile(t, "c.yaml", `
identity: {assertion_key_file: "`+idp.private+`"}
`)
	short := test.WriteFile(t, "short", "too short")
	for _, row := range []struct {
		rule, want string
		args       []string
	}{
		{"a key that signs assertions signs no bearers", "is identity.assertion_key_file", []string{"--key", idp.private, "--config", sealed}},
		{"a public key cannot sign", "must hold a private key in PEM, not a public key", []string{"--key", idp.public}},
		{"a file that is no key", "not text that is not PEM", []string{"--key", short}},
		{"a secret that is too short", "at least 32 bytes", []string{"--key", short, "--algorithm", "HS256"}},
		{"a PEM file is no secret", "is PEM", []string{"--key", idp.private, "--algorithm", "HS256"}},
		{"nobody", "--sub: must not be empty", []string{"--key", idp.private, "--sub", ""}},
		{"a file that is not there", "no such file", []string{"--key", short + "x"}},
		{"an algorithm that the key cannot do", "such as RS256 (got \"ES256\")", []string{"--key", idp.private, "--algorithm", "ES256"}},
		{"an algorithm in small letters", "such as HS256 (got \"hs256\")", []string{"--key", test.WriteFile(t, "secret", strings.Repeat("secret", 8)), "--algorithm", "hs256"}},
		{"no algorithm at all", "such as RS256 (got \"none\")", []string{"--key", idp.private, "--algorithm", "none"}},
		{"a claim without a value", "--claim: must be NAME=VALUE", []string{"--key", idp.private, "--claim", "x"}},
		{"a claim that a flag sets", "--claim: exp is set by the other flags", []string{"--key", idp.private, "--claim", "exp=1"}},
		{"a lifetime of nothing", "--ttl: must be more than 0s", []string{"--key", idp.private, "--ttl", "0s"}},
	} {
		out, _, err := runIn(t, nil, append([]string{"token", "--sub", "x"}, row.args...)...)
		if err == nil || !strings.Contains(err.Error(), row.want) || out != "" {
			t.Errorf("%s: token = %q, %v, want it to say %q", row.rule, out, err, row.want)
		}
	}
}

// Each error of the command line says what is wrong with this word, and what to
// write.
func TestUsageSaysWhatToWrite(t *testing.T) {
	for _, row := range []struct {
		want string
		args []string
	}{
		{"which command? There are serve, dev, token, ", nil},
		{`no such command: "fly" (there are serve, dev, `, []string{"fly"}},
		{`no such command: "check", did you mean "check-config"?`, []string{"check"}},
		{`serve takes no such argument: "foo" (flags begin with --`, []string{"serve", "foo"}},
		{`unknown flag --cofig, did you mean "--config"?`, []string{"serve", "--cofig", "x"}},
		{"--config needs a value, as in --config=VALUE", []string{"serve", "--config"}},
		{"--set needs a value, as in --set=VALUE", []string{"serve", "--set"}},
		{"--config needs a value, and --set looks like another flag", []string{"serve", "--config", "--set", "a=b"}},
		{`--wait: must be a duration such as 30s or 5m (got "soon")`, []string{"serve", "--wait", "soon"}},
		{"which proxy? There are nginx, ", []string{"print-config"}},
		{`no such proxy: "apache" (there are nginx, `, []string{"print-config", "apache"}},
	} {
		_, _, err := runIn(t, nil, row.args...)
		if _, ok := errors.AsType[usageError](err); !ok || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("wsticket %q = %v, want %s", row.args, err, row.want)
		}
	}
}
