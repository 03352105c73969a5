package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// TestAudiences: an audience is a name or a mapping, in each layer.
func TestAudiences(t *testing.T) {
	t.Parallel()
	const both = "[{chat [/ws/{room}] [] []} {admin [] [https://a https://b] [x y]} {bills [] [] []}]"
	for _, row := range []struct {
		rule, file, env, set, want string
	}{
		{"none", "", "", "", "[{default [] [] []}]"},
		{"one name", "ticket: {audiences: chat}", "", "", "[{chat [] [] []}]"},
		{"names", "ticket: {audiences: [chat, admin]}", "", "", "[{chat [] [] []} {admin [] [] []}]"},
		{
			"both", "ticket:\n  audiences:\n  - {name: chat, paths: \"/ws/{room}\"}\n  - {name: admin, issuers: [\"https://a\", \"https://b\"], scopes: [x, y]}\n  - bills",
			"", "", both,
		},
		{"an alias", "ticket: {audiences: [&a chat, *a]}", "", "", "[{chat [] [] []} {chat [] [] []}]"},
		{"names in the environment", "", "chat, admin ,", "", "[{chat [] [] []} {admin [] [] []}]"},
		{"both in the environment", "", `[{name: chat, paths: ["/ws/{room}"]}, {name: admin, issuers: ["https://a", "https://b"], scopes: [x, y]}, bills]`, "", both},
		{"a flag over the environment", "", "chat", "ticket.audiences=admin", "[{admin [] [] []}]"},
	} {
		cfg, err := loaded(t, row.file, row.env, row.set)
		if got := fmt.Sprint(cfg.Ticket.AudienceOptions()); err != nil || got != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.rule, got, err, row.want)
		}
	}
	if _, err := loaded(t, "ticket: {audiences: {name: chat}}", "", ""); err == nil || !strings.Contains(err.Error(), "must be a list") {
		t.Errorf("one mapping: got %v, want a fault that says it must be a list", err)
	}
}

func loaded(t *testing.T, file, env, set string) (Config, error) {
	t.Helper()
	f := Flags{Config: test.WriteFile(t, "wsticket.yaml", "# A file.\n"+file)}
	if set != "" {
		f.Set = []string{set}
	}
	var list []string
	if env != "" {
		list = []string{"WSTICKET_TICKET_AUDIENCES=" + env}
	}
	return f.Load(list, func(Config) error { return nil })
}

// TestPathsOfAudiences: who writes the paths of audiences need not write them again.
func TestPathsOfAudiences(t *testing.T) {
	t.Parallel()
	const audiences = "ticket: {audiences: [{name: chat, paths: [\"/ws/{room}\", \"/ws/{name}/\", /.x]}, {name: admin, paths: /ws/admin}, bills]}\n"
	for rule, row := range map[string]struct{ file, set, want string }{
		"nothing is set":              {"", "", "/ws"},
		"audiences without paths":     {"ticket: {audiences: [chat, admin]}", "", "/ws"},
		"audiences with paths":        {audiences, "", "/ws/{room} /ws/admin"},
		"and the key without a value": {audiences + "ws: {path: }", "", "/ws/{room} /ws/admin"},
		"and some of them":            {audiences + "ws: {path: /ws/admin}", "", "/ws/admin"},
		"and none":                    {audiences + "ws: {path: []}", "", ""},
		"in another layer":            {"ws: {path: /x}", "ticket.audiences=[{name: chat, paths: [/chat]}]", "/x"},
	} {
		cfg, err := loaded(t, row.file, "", row.set)
		if got := strings.Join(cfg.WS.Paths, " "); err != nil || got != row.want {
			t.Errorf("%s: got %q, %v, want %q", rule, got, err, row.want)
		}
	}
	cfg, err := Default().With([]string{"ticket.audiences=[{name: chat, paths: [/chat]}]"})
	if err != nil || !slices.Equal(cfg.WS.Paths, []string{"/chat"}) {
		t.Errorf("of a trial: got %q, %v, want those of the audience", cfg.WS.Paths, err)
	}
}
