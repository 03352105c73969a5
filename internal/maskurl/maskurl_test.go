package maskurl_test

import (
	"fmt"
	"testing"

	"wsticket/internal/maskurl"
)

func TestHide(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"https://id.example.com/keys":   "https://id.example.com/keys",
		"redis://user:pw@h:6379/0":      "redis://…@h:6379/0",
		"https://token@h/x":             "https://…@h/x",
		"https://u:p@ss@h":              "https://…@h",
		"https://u:p/a?b#c@h/x":         "https://…@h/x",
		"https://u:p%zz@h":              "https://…@h",
		"redis+sentinel://n:pw@h,h2":    "redis+sentinel://…@h,h2",
		"//u:pw@h":                      "//…@h",
		"u:pw@h":                        "…@h",
		"https:/u:pw@h":                 "…@h",
		" https://u:pw@h":               "…@h",
		"\"https://u:pw@h":              "…@h",
		"url:redis://u:pw@h":            "…@h",
		"https://h/x?key=pw":            "https://h/x?…",
		"/run/redis:/h?Password=a&x=1":  "/run/redis:/h?Password=…&x=1",
		"host=h password=pw x=1":        "host=h password=… x=1",
		"host=h password='p w' x=1":     "host=h password=… x=1",
		"https://h/x#pw":                "https://h/x#…",
		"https://u:pw@h/x?key=pw":       "https://…@h/x?…",
		"alice@example.com":             "alice@example.com",
		"svc@p.iam.gserviceaccount.com": "svc@p.iam.gserviceaccount.com",
		"/ws?x":                         "/ws?x",
		"127.0.0.1:8080":                "127.0.0.1:8080",
		"unix:/run/app.sock":            "unix:/run/app.sock",
	} {
		if got := maskurl.Hide(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if again := maskurl.Hide(want); again != want {
			t.Errorf("%q: hidden twice it is %q", text, again)
		}
	}
}

func TestHideQuoted(t *testing.T) {
	t.Parallel()
	const setting = `must be host:port (got "host=h password=hunter2"): write host=h password=hunter2:8080 or "x"`
	if got := maskurl.HideQuoted(setting); got != `must be host:port (got "host=h password=…"): write host=h password=… or "x"` {
		t.Errorf("got %s", got)
	}
	for _, value := range []string{`https://u:hunter2@h`, `https://u:"hunter2"@h`, `https://u:\"hunter2@h`, "https://u:hunter2\n@h", "https://u:\\hunter2\x01\xff@h"} {
		message := fmt.Sprintf("a: must be redis://user:password@host (got %q and %q): %q", value, "x", []string{"b", value})
		got := maskurl.HideQuoted(message)
		want := `a: must be redis://user:password@host (got "https://…@h" and "x"): ["b" "https://…@h"]`
		if got != want {
			t.Errorf("%s: got %s, want %s", message, got, want)
		}
	}
}
