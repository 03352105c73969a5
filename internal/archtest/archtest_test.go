package archtest_test

import (
	"slices"
	"strings"
	"testing"
)

const module = "wsticket"

// rules is who may know whom, in sentences. Where one fails, either the code
// or the sentence is wrong; which of them is a decision, not a detail.
func rules() []rule {
	return []rule{
		{
			says:  "ticket knows the standard library and nothing else",
			binds: in("ticket"),
			never: func(p pkg) bool { return !p.Standard && !under(p.ImportPath, "ticket") },
			deep:  true,
		},
		{
			says:  "an internal package knows no room above it, not even ticket",
			binds: in("internal"),
			never: func(p pkg) bool { return ours(p.ImportPath) && !under(p.ImportPath, "internal") },
			deep:  true, tests: true,
		},
		room("api"), room("audit"), room("auth"), room("store"), room("web"), room("ws"),
		library("only auth looks into bearers; cmd signs test bearers", "github.com/golang-jwt/jwt", "auth", "cmd"),
		library("only auth knows key sets", "github.com/MicahParks", "auth"),
		library("Redis is behind ticket.Store", "github.com/redis", "store/redisstore"),
		library("only ws knows WebSockets", "github.com/coder/websocket", "ws"),
		library("only cmd has flags", "github.com/alecthomas/kong", "cmd"),
		library("only cmd has a configuration file", "go.yaml.in/yaml", "cmd", "internal/layered"),
		{
			says:  "no test code is in the binary",
			binds: in("cmd"),
			never: func(p pkg) bool {
				return p.ImportPath == "testing" || under(p.ImportPath, "internal/testenv", "store/storetest", "store/internal/fixture")
			},
			deep: true,
		},
	}
}

// room says that a room knows ticket, internal and itself, and no other room.
func room(name string) rule {
	return rule{
		says:  name + " knows ticket and internal, and no other room",
		binds: in(name),
		never: func(p pkg) bool { return ours(p.ImportPath) && !under(p.ImportPath, name, "ticket", "internal") },
		deep:  true, tests: true,
	}
}

// library says that nobody but its owners imports a library; tests may.
func library(says, path string, owners ...string) rule {
	return rule{
		says:  says,
		binds: func(p string) bool { return ours(p) && !under(p, owners...) },
		never: func(p pkg) bool { return strings.HasPrefix(p.ImportPath, path+"/") || p.ImportPath == path },
	}
}

func in(root string) func(path string) bool {
	return func(path string) bool { return under(path, root) }
}

func TestWhoMayKnowWhom(t *testing.T) {
	g := load(t)
	if _, ok := g[module+"/ticket"]; !ok {
		t.Fatal("go list does not name the package ticket: nothing would be tested")
	}
	for _, rule := range rules() {
		t.Run(rule.says, func(t *testing.T) {
			for _, chain := range rule.breaches(g) {
				t.Errorf("%s\n\tbroken by %s", rule.says, chain)
			}
		})
	}
}

// TestRules tries the rules on chains of imports that nobody has written yet.
func TestRules(t *testing.T) {
	tests := []struct {
		chain, breaks string // breaks: the first words of the rule; empty: allowed
	}{
		{"wsticket/cmd/wsticket -> wsticket/store -> wsticket/ticket -> time", ""},
		{"wsticket/cmd/wsticket -> wsticket/api -> wsticket/internal/problem", ""},
		{"wsticket/auth -> github.com/golang-jwt/jwt/v5", ""},
		{"wsticket/store/storetest -> testing", ""},
		{"wsticket/ticket -> wsticket/internal/problem", "ticket knows"},
		{"wsticket/ticket -> github.com/redis/go-redis/v9", "ticket knows"},
		{"wsticket/internal/origin -> wsticket/ticket", "an internal package"},
		{"wsticket/api -> wsticket/store", "api knows"},
		{"wsticket/ws -> wsticket/internal/relay -> wsticket/auth", "ws knows"},
		{"wsticket/store -> wsticket/storefront", "store knows"},
		{"wsticket/ws -> github.com/golang-jwt/jwt/v5", "only auth looks"},
		{"wsticket/api -> github.com/redis/go-redis/v9/maintnotifications", "Redis is"},
		{"wsticket/internal/relay -> github.com/coder/websocket", "only ws"},
		{"wsticket/cmd/wsticket -> wsticket/store -> testing", "no test code"},
	}
	for _, test := range tests {
		t.Run(test.chain, func(t *testing.T) {
			g := graphOf(test.chain)
			var broken []string
			for _, rule := range rules() {
				if slices.Contains(rule.breaches(g), test.chain) {
					broken = append(broken, rule.says)
				}
			}
			found := slices.ContainsFunc(broken, func(says string) bool { return strings.HasPrefix(says, test.breaks) })
			if found != (test.breaks != "") {
				t.Errorf("got broken rules %q, want one that begins with %q", broken, test.breaks)
			}
		})
	}
}

// TestRulesOfTests: tests may use any library, and still no other room.
func TestRulesOfTests(t *testing.T) {
	g := graph{"wsticket/api": {
		ImportPath:   "wsticket/api",
		TestImports:  []string{"github.com/golang-jwt/jwt/v5"},
		XTestImports: []string{"wsticket/store"},
	}}
	var got []string
	for _, rule := range rules() {
		got = append(got, rule.breaches(g)...)
	}
	if want := []string{"wsticket/api -> wsticket/store"}; !slices.Equal(got, want) {
		t.Errorf("got breaches %q, want %q", got, want)
	}
}

// graphOf makes the graph of one chain of imports.
func graphOf(chain string) graph {
	g := graph{}
	paths := strings.Split(chain, " -> ")
	for i, path := range paths {
		standard := !strings.Contains(path, "/")
		g[path] = pkg{ImportPath: path, Standard: standard, Imports: paths[i+1 : min(i+2, len(paths))]}
	}
	return g
}
