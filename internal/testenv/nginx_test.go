package testenv_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// says is an http block with a server that answers everything with the text.
func says(s *testenv.NginxServer, text string) string {
	return fmt.Sprintf("access_log access.log;\nserver { listen %s; return 200 %q; }", s.Addr(), text)
}

// body gets a page on a connection of its own.
func body(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNginx(t *testing.T) {
	s := testenv.Nginx(t, func(s *testenv.NginxServer) string { return says(s, "one") })
	if got := body(t, s.URL()+"/path"); got != "one" {
		t.Errorf("got %q, want what is configured", got)
	}
	eventually(t, "access log", func() bool { return strings.Contains(s.Log("access.log"), "GET /path ") })
	s.Reload(says(s, "two"))
	// For a moment the old workers may still accept.
	eventually(t, "the new configuration", func() bool { return body(t, s.URL()) == "two" })
}
