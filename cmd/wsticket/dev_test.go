package main

import (
	"errors"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// TestThePastedLinesWork does what a stranger does: start `wsticket dev`,
// copy two lines from the terminal, and see a greeting; copy the second one
// again, and be refused.
func TestThePastedLinesWork(t *testing.T) {
	testenv.Need(t, "curl")
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	p.stdout.WaitFor(t, "Ctrl-C here")
	getTicket, connect := pastedLines(t, p.stdout.String())

	out := untilGreeted(t, getTicket+"\necho \"got=$TICKET\"\nexec "+connect)
	if !strings.Contains(out.String(), "101 Switching Protocols") {
		t.Errorf("no 101 in\n%s", out)
	}

	_, rest, _ := strings.Cut(out.String(), "got=")
	ticket, _, _ := strings.Cut(rest, "\n")
	again, err := exec.CommandContext(t.Context(), "sh", "-c", "TICKET="+ticket+"\n"+connect).CombinedOutput()
	if text := string(again); err != nil || !strings.Contains(text, "401 Unauthorized") || !strings.Contains(text, `"code":"invalid_ticket"`) {
		t.Errorf("the spent ticket gets %v\n%s", err, text)
	}
}

// untilGreeted runs a script of the shell until it has printed the greeting of demo,
// and returns what it printed.
func untilGreeted(t *testing.T, script string) *test.Output {
	t.Helper()
	out := new(test.Output)
	shell := exec.CommandContext(t.Context(), "sh", "-c", script)
	shell.Stdout, shell.Stderr = out, out
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	test.Wait(t, "the greeting", func() bool { return strings.Contains(out.String(), `"userId":"demo"`) })
	_ = shell.Process.Kill()
	_ = shell.Wait()
	return out
}

// pastedLines finds the two lines in what dev has printed.
func pastedLines(t *testing.T, text string) (getTicket, connect string) {
	t.Helper()
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "TICKET=$("):
			getTicket = line
		case strings.HasPrefix(line, "curl "):
			connect = line
		}
	}
	if getTicket == "" || connect == "" {
		t.Fatalf("dev prints no two lines:\n%s", text)
	}
	return getTicket, connect
}

func TestDevIsForLoopbackOnly(t *testing.T) {
	for _, flag := range []string{"--public", "--internal"} {
		for _, addr := range []string{":8080", "0.0.0.0:0", "192.0.2.1:0", "example.com:80", "localhost"} {
			_, _, err := runIn(t, nil, "dev", flag, addr)
			if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), "must be a loopback address") && !strings.Contains(err.Error(), "write localhost:8080") {
				t.Errorf("dev %s %s = %v, want a refusal", flag, addr, err)
			}
		}
	}
}

// dev must not print a bearer that its own server would refuse.
func TestDevRefusesABearerThatIsNoGood(t *testing.T) {
	for flag, value := range map[string]string{"--ttl": "25h", "--sub": ""} {
		_, _, err := runIn(t, nil, "dev", "--public", "localhost:0", "--internal", "localhost:0", flag, value)
		if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), flag) {
			t.Errorf("dev %s %q = %v, want a usage error", flag, value, err)
		}
	}
}

func TestDevNamesThePortThatIsTaken(t *testing.T) {
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	_, _, err := runIn(t, nil, "dev", "--public", p.public)
	if err == nil || !strings.Contains(err.Error(), "public.listen") || !strings.Contains(err.Error(), "port 0 picks a free one") {
		t.Errorf("dev on a taken port = %v", err)
	}
}

// TestDevSaysWhyAndWhatToDo: the terminal has a line for each refusal, with the
// flag that would change it, and with that flag it works.
func TestDevSaysWhyAndWhatToDo(t *testing.T) {
	const mine = "http://app.example.test:5173"
	dev := func(args ...string) (*process, string) {
		p := start(t, append([]string{"dev", "--public", "localhost:0", "--internal", "localhost:0"}, args...)...)
		p.stdout.WaitFor(t, "Ctrl-C here")
		_, rest, _ := strings.Cut(p.stdout.String(), "Authorization: Bearer ")
		bearer, _, _ := strings.Cut(rest, "'")
		return p, bearer
	}
	p, bearer := dev()
	get := func(path string, header ...string) answer {
		return exchange(t, http.MethodGet, "http://"+p.public+path, "", header...)
	}
	ask := func(origin string) answer {
		return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "Authorization", "Bearer "+bearer, "Origin", origin)
	}
	got := issue(t, p.public, bearer)
	_, _, _ = dial(t, got.URL, nil)
	for _, row := range []struct {
		rule, want string
		status     int
		do         func() answer
	}{
		{"another origin", " may not connect: let it in with --origin ", 403, func() answer { return ask(mine) }},
		{"no bearer", "refused: there is no ticket and no bearer", 401, func() answer { return send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "") }},
		{"a bearer that is none", "refused: the bearer is not accepted (bearer_malformed)", 401, func() answer { return send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "x", "") }},
		{"another issuer", "refused: the bearer is of another issuer, https://id.example.com: use", 401, func() answer {
			return send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", newProvider(t).bearer(t, "alice"), "")
		}},
		{"a page in place of a socket", "refused: this is no WebSocket handshake (Connection: ", 426, func() answer { return get("/ws") }},
		{"another path", "refused: there is no /chat here", 404, func() answer { return get("/chat") }},
		{"a path that writes to the terminal", `refused: there is no /\x1b[2J\nchat here`, 404, func() answer { return get("/%1b[2J%0achat") }},
		{"a spent ticket", "refused: the ticket was used before", 401, func() answer {
			_, _, res := dial(t, got.URL, nil)
			return answer{status: res.StatusCode}
		}},
	} {
		if a := row.do(); a.status != row.status {
			t.Errorf("%s: status %d, want %d", row.rule, a.status, row.status)
		}
		p.stderr.WaitFor(t, row.want)
	}
	if strings.Contains(p.stderr.String(), bearer) {
		t.Error("the terminal shows the bearer where it was refused")
	}
	p, bearer = dev("--origin", mine, "--set", "ticket.ttl=45s")
	if a := ask(mine); a.status != http.StatusCreated || !strings.Contains(a.body, `"expires_in":45`) {
		t.Errorf("with --origin and --set: %d %s", a.status, a.body)
	}
}

// What dev prints is for the settings that it has got.
func TestDevPrintsWhatIsSet(t *testing.T) {
	testenv.Need(t, "curl")
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--set", "ws.path=/chat/{room}", "--set", "ws.ticket_parameter=t")
	p.stdout.WaitFor(t, "Ctrl-C here")
	getTicket, connect := pastedLines(t, p.stdout.String())
	untilGreeted(t, getTicket+"\nexec "+connect)
	settings := exchange(t, http.MethodGet, "http://"+p.public+"/demo/settings", "", "Origin", "http://"+p.public)
	if !strings.Contains(settings.body, `"path":"/chat/room"`) {
		t.Errorf("the page is for other settings: %s", settings.body)
	}
}

// The address of the page is what is printed first.
func TestDevBeginsWithThePage(t *testing.T) {
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	p.stdout.WaitFor(t, "Ctrl-C here")
	_, port, _ := strings.Cut(p.public, ":")
	before, _, found := strings.Cut(p.stdout.String(), "http://localhost:"+port+"/\n")
	if !found || strings.Contains(before, "TICKET=") {
		t.Errorf("dev prints the page behind\n%s", before)
	}
}

// A stranger's value is shown only if a shell takes it for one word.
func TestDevAdviceCanBePasted(t *testing.T) {
	for value, want := range map[string]string{
		"app.example.com:8080": "start with --set 'public.hosts=[localhost, app.example.com:8080]'",
		"a';reboot;'":          "start with --set 'public.hosts=[localhost, HOST]'",
		"$(reboot)":            "start with --set 'public.hosts=[localhost, HOST]'",
	} {
		e := ticket.Event{Kind: ticket.EventRequest, Reason: "host_not_allowed", Attrs: []slog.Attr{slog.String("host", value)}}
		if got := adviceFor(&e); !strings.HasSuffix(got, want) || strings.Contains(got, "reboot") {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

// All five doors are open, that for cookies and first messages too.
func TestDevHasAllDoors(t *testing.T) {
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	p.stdout.WaitFor(t, "Ctrl-C here")
	_, rest, _ := strings.Cut(p.stdout.String(), "Authorization: Bearer ")
	bearer, _, _ := strings.Cut(rest, "'")
	_, port, _ := strings.Cut(p.public, ":")
	url, page := "ws://localhost:"+port+"/ws", "http://localhost:"+port
	for door, header := range map[string]http.Header{
		"header":        {"Authorization": {"Bearer " + bearer}},
		"cookie":        {"Cookie": {"wsticket-dev=" + bearer}, "Origin": {page}},
		"first message": {"Origin": {page}},
	} {
		conn, res, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: header})
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: %v, want 101", door, err)
			continue
		}
		_ = conn.CloseNow()
	}
}

func TestDevRelays(t *testing.T) {
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--upstream", "http://"+testenv.FreeAddr(t))
	p.stdout.WaitFor(t, "Ctrl-C here")
	_, rest, _ := strings.Cut(p.stdout.String(), "Authorization: Bearer ")
	bearer, _, _ := strings.Cut(rest, "'")
	if _, _, res := dial(t, issue(t, p.public, bearer).URL, nil); res.StatusCode != http.StatusBadGateway && res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an application that is away: status %d", res.StatusCode)
	}
	p.stderr.WaitFor(t, "(connection refused): start it, or name another one with --upstream")
}

func TestDevRefusesSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"public.listen=:0": "set by --public", "ticket.tll=5s": "did you mean ticket.ttl?", "ticket.ttl=5m": "ticket.ttl: must be 5s..60s",
	} {
		_, _, err := runIn(t, nil, "dev", "--public", "localhost:0", "--internal", "localhost:0", "--set", setting)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("dev --set %s = %v, want %q", setting, err, want)
		}
	}
}

// serve answers a person who opens its address, too.
func TestServeSaysWhatItIs(t *testing.T) {
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"))
	if a := send(t, http.MethodGet, "http://"+p.public+"/", "", ""); a.status != http.StatusOK || !strings.Contains(a.body, "POST /ws-ticket") {
		t.Errorf("/ = %d %s", a.status, a.body)
	}
}
