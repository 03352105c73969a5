//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// processes has the number of clients of each process. The store serves few callers in
// another way than many.
var processes = [...]int{4, 4, 12, 12}

const (
	clients = 32 // of all processes
	// storeTimeout is short, because the test waits for it often.
	storeTimeout = 100 * time.Millisecond
	// runWithin and checkWithin limit the duration of a run and of its check.
	runWithin   = 60 * time.Second
	checkWithin = 30 * time.Second
)

// TestHistories lets several processes work on the same tickets, each through a proxy
// that drops, stalls, delays and resets. Then it searches for an order of all calls in
// which a store without faults would have given the same answers: at most one attempt
// gets a ticket, which was created and is neither revoked nor expired. Stores with a
// deliberate fault show that the check finds errors.
func TestHistories(t *testing.T) {
	tests := []struct {
		rule                string
		fault               string
		retry               time.Duration
		operations, tickets int
		legal               bool
	}{
		{"at most one attempt gets a ticket, and gets it again in time", honest, 50 * time.Millisecond, 10_000, 300, true},
		{"at most one call gets a ticket where nothing is retried", honest, 0, 3_000, 300, true},
		{"two steps in place of one are found", getThenDel, 50 * time.Millisecond, 3_000, 300, false},
		{"a command that the client library repeats is found", sendTwice, 0, 3_000, 300, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			j := job{
				Fault: tt.fault, Timeout: storeTimeout, Seed: *seed,
				Rules:      rules{Short: 30 * time.Millisecond, Long: time.Hour, Retry: tt.retry},
				Operations: (tt.operations + clients - 1) / clients, Tickets: tt.tickets,
			}
			history := record(t, j)
			v := j.Rules.check(history, checkWithin)
			t.Logf("seed %d: %d operations on %d tickets checked in %v; %d tickets wrong, %d undecided",
				*seed, len(history), len(byTicket(history)), v.took.Round(time.Millisecond), len(v.wrong), v.undecided)
			report(t, history)
			if v.undecided > 0 || v.legal() != tt.legal {
				t.Errorf("legal: got %t, want %t; %d undecided", v.legal(), tt.legal, v.undecided)
			}
			if tt.legal {
				explain(t, v)
			}
			// This does not need the checker. Only the worst fault causes it.
			if twice := grantedTwice(history); (twice > 0) != (tt.fault == getThenDel) {
				t.Errorf("%d tickets were granted twice", twice)
			}
			wantEventful(t, history)
		})
	}
}

// record runs the processes of a job and returns their history.
func record(t *testing.T, j job) []operation {
	t.Helper()
	redis := testenv.Redis(t)
	ctx, cancel := context.WithTimeout(t.Context(), runWithin)
	defer cancel()
	begin := make(chan struct{})
	var ready, done sync.WaitGroup
	var histories [len(processes)][]operation
	var errs [len(processes)]error
	var proxies [len(processes)]*testenv.ProxyServer
	first := 0
	for p, n := range processes {
		proxies[p] = testenv.Proxy(t, redis.Addr())
		mine := j
		mine.URL, mine.First, mine.Clients = proxies[p].URL(), first, n
		first += n
		ready.Add(1)
		done.Go(func() {
			w := hired{
				trouble: trouble{proxy: proxies[p], dice: newDice(j.Seed, clients+p), clients: n, timeout: j.Timeout},
				ready:   sync.OnceFunc(ready.Done), begin: begin,
			}
			histories[p], errs[p] = w.run(ctx, mine)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for _, proxy := range proxies {
		dropped += proxy.Dropped()
	}
	t.Logf("processes of %d clients; %d replies dropped", processes, dropped)
	if want := j.Operations * clients / dropEvery / 10; dropped < want {
		t.Errorf("%d replies dropped, want at least %d: does the store use other commands?", dropped, want)
	}
	return slices.Concat(histories[:]...)
}

// hired is a worker process.
type hired struct {
	trouble trouble
	ready   func()          // is always called
	begin   <-chan struct{} // closed when all are ready
}

// run starts the process and reads its history.
func (h *hired) run(ctx context.Context, j job) (history []operation, err error) {
	defer h.ready()
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-worker", string(text))
	cmd.SysProcAttr = attributes()
	said := new(test.Output)
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	history, err = h.follow(in, out)
	_ = in.Close()
	if err = errors.Join(err, cmd.Wait()); err == nil && len(history) != j.Operations*j.Clients {
		err = fmt.Errorf("%d operations, want %d", len(history), j.Operations*j.Clients)
	}
	if err != nil {
		err = fmt.Errorf("worker: %w\n%s", err, said)
	}
	return history, err
}

// follow reads the operations of the worker and causes faults between them.
func (h *hired) follow(in io.Writer, out io.Reader) (history []operation, err error) {
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		return nil, errors.New("not ready")
	}
	h.ready()
	<-h.begin
	if _, err := io.WriteString(in, "begin\n"); err != nil {
		return nil, err
	}
	for lines.Scan() {
		var o operation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, fmt.Errorf("operation %q: %w", lines.Text(), err)
		}
		history = append(history, o)
		h.trouble.operation()
	}
	return history, lines.Err()
}

// tally counts the outcomes of each kind of call. A repeated grant to the same attempt
// is counted separately.
func tally(history []operation) map[string]int {
	counts := make(map[string]int)
	for _, o := range history {
		outcome := o.Outcome
		if o.Kind == consume && outcome == outcomeOK && o.Seen.State != ticket.Pending {
			outcome = "ok again"
		}
		counts[string(o.Kind)+" "+outcome]++
	}
	return counts
}

// grantedTwice counts the tickets that more than one call has consumed while they were
// pending. In this test no ticket is created again after a grant.
func grantedTwice(history []operation) (tickets int) {
	for _, calls := range byTicket(history) {
		grants := 0
		for _, o := range calls {
			if o.Kind == consume && o.Outcome == outcomeOK && o.Seen.State == ticket.Pending {
				grants++
			}
		}
		if grants > 1 {
			tickets++
		}
	}
	return tickets
}

func report(t *testing.T, history []operation) {
	t.Helper()
	counts := tally(history)
	var lines []string
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%-20s %6d", outcome, counts[outcome]))
	}
	t.Logf("outcomes:\n%s", strings.Join(lines, "\n"))
}

// wantEventful checks that a history has all kinds of outcomes.
func wantEventful(t *testing.T, history []operation) {
	t.Helper()
	counts := tally(history)
	for _, outcome := range []string{
		"create ok", "create exists", "create unavailable", "consume ok", "consume spent", "consume not_found", "consume expired", "lookup expired",
		"consume revoked", "consume unavailable", "revoke ok", "lookup ok", "lookup not_found",
	} {
		if counts[outcome] == 0 {
			t.Errorf("no %q in the history, so it proves little", outcome)
		}
	}
}

// explain reports the first tickets that are wrong.
func explain(t *testing.T, v verdict) {
	t.Helper()
	for _, calls := range v.wrong[:min(3, len(v.wrong))] {
		var lines []string
		for _, o := range calls {
			lines = append(lines, o.String())
		}
		t.Errorf("no order of these calls explains ticket %d:\n%s", calls[0].Ticket, strings.Join(lines, "\n"))
	}
}
