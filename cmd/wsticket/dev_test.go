package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// TestThePastedLinesWork does what a stranger does: start `wsticket dev`,
// copy two lines from the terminal, and see a greeting; copy the second one
// again, and be refused.
func TestThePastedLinesWork(t *testing.T) {
	testenv.Need(t, "curl")
	p := start(t, "dev", "--public", "localhost:0", "--internal", "localhost:0")
	p.stdout.WaitFor(t, "Ctrl-C here")
	getTicket, connect := pastedLines(t, p.stdout.String())

	out := new(test.Output)
	shell := exec.CommandContext(t.Context(), "sh", "-c", getTicket+"\necho \"got=$TICKET\"\nexec "+connect)
	shell.Stdout, shell.Stderr = out, out
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	test.Wait(t, "the greeting", func() bool { return strings.Contains(out.String(), `"userId":"demo"`) })
	_ = shell.Process.Kill()
	_ = shell.Wait()
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
			if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), "must be a loopback address") {
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
