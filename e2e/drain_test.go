//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
)

// TestDrainThroughTheSidecar stops wsticket with SIGTERM while 200 clients are connected
// through it: each client and the application get 1001, and the log accounts for all
// connections.
func TestDrainThroughTheSidecar(t *testing.T) {
	const clients = 200
	idp := newIssuer(t)
	u := npmWSUpstream(t)
	s := sidecar(t, idp, u, "ws.drain_window=1s")
	o := bearerInHeader().order("ws://"+s.public+"/ws", idp.bearer(t, "alice"))
	o.Steps = []step{listen()}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	events, errs := make([][][]event, clients), make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { events[i], errs[i] = gobwas().visit(ctx, o) })
	}
	for range clients {
		u.next(t)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit status: got %d, want 0", code)
	}
	all.Wait()
	for i := range clients {
		if errs[i] != nil {
			t.Fatalf("client %d: %v", i, errs[i])
		}
		wantEvents(t, "a client", events[i][0], "open", "closed 1001 server is draining")
	}
	for range clients {
		select {
		case end := <-u.ended:
			if end.Code != 1001 {
				t.Fatalf("the application got %v, want 1001", end)
			}
		case <-time.After(patience):
			t.Fatal("the application did not get every end")
		}
	}
	wantDrained(t, s, clients)
}

// terminate ends the process with SIGTERM, like an orchestrator, and returns its exit
// status.
func (s server) terminate(t *testing.T) int {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	return s.exit(t)
}

// signal sends a signal to the process.
func (s server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("%v to wsticket at %s: %v", sig, s.public, err)
	}
}

// exit waits for the end of the process and returns its exit status.
func (s server) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(test.Patience):
		t.Fatal("wsticket does not end in time")
	}
	return s.cmd.ProcessState.ExitCode()
}

// wantDrained checks the line of the log that accounts for the connections.
func wantDrained(t *testing.T, s server, n int) {
	t.Helper()
	for line := range strings.Lines(s.log.String()) {
		var got struct {
			Msg                            string
			Connections, Closed, Cut, Left int
		}
		if json.Unmarshal([]byte(line), &got) != nil || got.Msg != "drained" {
			continue
		}
		if got.Connections != n || got.Closed != n || got.Cut != 0 || got.Left != 0 {
			t.Errorf("got %s, want %d connections, all of them closed", line, n)
		}
		return
	}
	t.Error("the log has no line about the drain")
}
