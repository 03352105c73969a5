//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// attemptHeader tells the application which attempt of the ledger a handshake belongs
// to. wsticket passes it on like any header that it does not know.
const attemptHeader = "X-Attempt"

// try is one attempt to use a credential, which may be presented several times.
type try struct {
	name   string // in attemptHeader
	ticket string // ID; empty: a bearer
	kind   attemptKind
	// What the client was told. Silences are answers that do not say whether the
	// ticket was spent: none, 429, and 5xx.
	won, refused, silences int
	arrivals               int // at applications
}

// The answers to backends and proxies, which ask for somebody else.
var (
	active   = answer{status: http.StatusOK, code: "active"}
	inactive = answer{status: http.StatusOK, code: "inactive"}
)

// attemptKind says what may become of an attempt.
type attemptKind int

const (
	relayed  attemptKind = iota // who wins reaches an application
	consumed                    // at /consume or /auth/nginx: who wins reaches no application
	hostile                     // nobody may win
)

// ledger has everything that clients did and that applications saw. All its methods are
// safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	counts   map[[2]string]int // by kind of event and outcome
	tries    map[string]*try   // by name
	visitors map[string]string // names by the ID of the connection
	issued   []issued
	secrets  map[string]string // by description
	arrived  strings.Builder   // all handshakes that reached applications
	refusals strings.Builder   // bodies of all refusals
	wrong    []string
}

func newLedger() *ledger {
	return &ledger{
		counts: make(map[[2]string]int), tries: make(map[string]*try),
		visitors: make(map[string]string), secrets: make(map[string]string),
	}
}

// count counts an event for the table.
func (l *ledger) count(kind, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[[2]string{kind, outcome}]++
}

// answered counts an answer for the table, and keeps the body of a refusal.
func (l *ledger) answered(kind string, got answer, err error) {
	l.count(kind, outcomeOf(got, err))
	if got.status >= http.StatusBadRequest {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refusals.WriteString(got.body + "\n")
	}
}

// wrongf notes that an invariant is broken.
func (l *ledger) wrongf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// hide adds a text that must not be in any output.
func (l *ledger) hide(what, secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[what] = secret
}

// keep notes a ticket that was issued.
func (l *ledger) keep(got issued) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issued = append(l.issued, got)
	// Less than a whole token is a leak, too.
	l.secrets["ticket "+got.ID] = got.Token[len("wst1_"):][:24]
}

// recent returns one of the last tickets that were issued, and false if there is none.
func (l *ledger) recent(d *dice) (issued, bool) {
	const last = 400
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.issued) == 0 {
		return issued{}, false
	}
	return l.issued[len(l.issued)-1-d.IntN(min(last, len(l.issued)))], true
}

// begin notes an attempt with a ticket or, with an empty ID, with a bearer.
func (l *ledger) begin(kind attemptKind, ticketID string) *try {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &try{name: fmt.Sprint("attempt-", len(l.tries)), ticket: ticketID, kind: kind}
	l.tries[a.name] = a
	return a
}

// settle notes the answer to an attempt and counts it under what.
func (l *ledger) settle(what string, a *try, got answer, err error) {
	l.answered(what, got, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil, got.status == http.StatusTooManyRequests, got.status >= http.StatusInternalServerError:
		a.silences++
	case got.is(admitted), got.is(active):
		a.won++
	default:
		a.refused++
	}
}

// outcomeOf describes an answer, without what differs from one time to the next.
func outcomeOf(got answer, err error) string {
	var slow net.Error
	switch {
	case err == nil:
		return strings.TrimPrefix(got.String(), "0 ")
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return "given up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens"
	case errors.As(err, &slow) && slow.Timeout():
		return "no answer in time"
	default:
		return "cut"
	}
}

// arrive notes a handshake that reached an application.
func (l *ledger) arrive(got arrival) {
	names, ids := got.all(strings.ToLower(attemptHeader)), got.all("x-wsticket-id")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived.WriteString(got.String() + "\n")
	if len(names) != 1 || len(ids) != 1 || l.tries[names[0]] == nil {
		l.wrong = append(l.wrong, fmt.Sprintf("an application met a stranger: %q, connection %q", names, ids))
		return
	}
	name, id := names[0], ids[0]
	a := l.tries[name]
	a.arrivals++
	if a.ticket != "" && a.ticket != id {
		l.wrong = append(l.wrong, fmt.Sprintf("%s with ticket %s became connection %s", name, a.ticket, id))
	}
	if before := l.visitors[id]; before != "" && before != name {
		l.wrong = append(l.wrong, fmt.Sprintf("connection %s is of %s and of %s", id, before, name))
	}
	l.visitors[id] = name
}

// figures are the totals of the invariants.
type figures struct {
	tickets  int // issued
	winners  int // tickets that a client won by a handshake
	consumed int // tickets that a backend or a proxy won
	silent   int // tickets that were admitted, and whose client had no answer
	admitted int // tickets with an admission at an application
	retried  int // further admissions of the same attempt
	bearers  int // admissions with a bearer
	broken   int // invariants
}

// check checks that each admission belongs to one attempt that may win, and each ticket
// to at most one.
func (l *ledger) check() figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := figures{tickets: len(l.issued)}
	winners := make(map[string]string) // names by ticket
	for _, a := range l.tries {
		won := a.won > 0 || a.arrivals > 0
		switch {
		case a.arrivals > 0 && a.kind != relayed, a.won > 0 && a.kind == hostile:
			l.wrong = append(l.wrong, fmt.Sprintf("%+v must not be admitted", *a))
		case a.arrivals > 0 && a.won == 0 && a.silences == 0:
			l.wrong = append(l.wrong, fmt.Sprintf("%+v was refused and admitted", *a))
		case a.arrivals == 0 && a.won > 0 && a.kind == relayed:
			l.wrong = append(l.wrong, fmt.Sprintf("%+v was told 101, but no application met it", *a))
		case won && a.ticket != "" && winners[a.ticket] != "":
			l.wrong = append(l.wrong, fmt.Sprintf("ticket %s was won by %s and by %s", a.ticket, winners[a.ticket], a.name))
		}
		if won && a.ticket != "" {
			winners[a.ticket] = a.name
		}
		f.add(a)
	}
	f.broken = len(l.wrong)
	return f
}

func (f *figures) add(a *try) {
	switch {
	case a.ticket == "":
		f.bearers += a.arrivals
		return
	case a.kind == consumed && a.won > 0:
		f.consumed++
	case a.won > 0:
		f.winners++
	case a.arrivals > 0:
		f.silent++
	}
	if a.arrivals > 0 {
		f.admitted++
		f.retried += a.arrivals - 1
	}
}

// report prints the table and the figures, and fails the test by broken invariants.
func (l *ledger) report(t *testing.T) {
	t.Helper()
	f := l.check()
	var lines []string
	for _, row := range slices.SortedFunc(maps.Keys(l.counts), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		lines = append(lines, fmt.Sprintf("%-44s %-34s %7d", row[0], row[1], l.counts[row]))
	}
	t.Logf("what was done:\n%s", strings.Join(lines, "\n"))
	t.Logf("tickets: %d issued, %d admitted at an application = %d won by one client + %d whose client had no answer; "+
		"%d won by a backend or a proxy that asks; %d admissions repeated for the same attempt; %d admissions of bearers; %d invariants broken",
		f.tickets, f.admitted, f.winners, f.silent, f.consumed, f.retried, f.bearers, f.broken)
	if f.admitted != f.winners+f.silent {
		t.Errorf("admissions: got %d of different tickets, want %d", f.admitted, f.winners+f.silent)
	}
	if f.winners == 0 || f.bearers == 0 || f.consumed == 0 || f.retried == 0 {
		t.Error("some kind of admission is missing, so the figures prove little")
	}
	for _, wrong := range l.wrong[:min(20, len(l.wrong))] {
		t.Error(wrong)
	}
}
