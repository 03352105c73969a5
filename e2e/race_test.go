//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

const (
	replicas        = 3
	clientsPerGroup = 64 // clients of each replica
	raceTickets     = 2_000
	// perRound is the number of tickets in a round, and showings how often each of
	// them is presented to each replica. If every client presented each ticket,
	// there would be 384 000 handshakes, nearly all of them long after the ticket
	// is spent. Only simultaneous ones compete, so in each round every client
	// presents one of a few tickets.
	perRound = 32
	showings = clientsPerGroup / perRound
	// issuers is the number of concurrent requests for tickets.
	issuers = 16
)

// TestReplicasRaceForTickets lets 64 clients of each of three replicas compete for
// 2 000 tickets. Six clients present each ticket at the same time, two at each replica,
// and one of them is admitted.
func TestReplicasRaceForTickets(t *testing.T) {
	redis, idp := testenv.Redis(t), newIssuer(t)
	config := idp.config(t, redis.URL())
	servers := make([]server, replicas)
	for i := range servers {
		servers[i] = serve(t, config)
	}
	start := time.Now()
	tokens := issueAll(t, servers, idp.bearer(t, "alice"))
	t.Logf("seed %d: %d tickets issued in %v", *seed, len(tokens), time.Since(start).Round(time.Millisecond))

	start = time.Now()
	lots, score := newDice(*seed, 0), newScore()
	for first := 0; first < len(tokens); first += perRound {
		round := tokens[first:min(first+perRound, len(tokens))]
		var shown []showing
		for n := range round {
			for _, s := range servers {
				for range showings {
					shown = append(shown, showing{s, first + n, round[n]})
				}
			}
		}
		lots.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
		score.fight(t.Context(), shown)
	}
	score.report(t, time.Since(start))
	if got := score.answers[admitted.String()]; got != raceTickets {
		t.Errorf("admissions: got %d, want %d", got, raceTickets)
	}
	if got, want := score.answers[refused.String()], raceTickets*(replicas*showings-1); got != want {
		t.Errorf("answers %q: got %d, want %d", refused, got, want)
	}
	for n := range tokens {
		if got := score.admissions[n]; got != 1 {
			t.Errorf("ticket %d: got %d admissions, want 1", n, got)
		}
	}
}

// issueAll gets the tickets from all replicas.
func issueAll(t *testing.T, servers []server, bearer string) []string {
	t.Helper()
	c := newClient(t)
	tokens, errs := make([]string, raceTickets), make([]error, issuers)
	var all sync.WaitGroup
	for i := range issuers {
		all.Go(func() {
			for n := i; n < raceTickets && errs[i] == nil; n += issuers {
				got, a, err := c.issue(t.Context(), servers[n%len(servers)], bearer)
				if err == nil && got.Token == "" {
					err = fmt.Errorf("got %v, want a ticket", a)
				}
				tokens[n], errs[i] = got.Token, err
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("issue: %v", err)
		}
	}
	return tokens
}

// showing is a client that presents a ticket.
type showing struct {
	server server
	ticket int
	token  string
}

// score counts the results.
type score struct {
	mu         sync.Mutex
	answers    map[string]int
	admissions map[int]int // by ticket
}

func newScore() *score { return &score{answers: make(map[string]int), admissions: make(map[int]int)} }

// fight presents all tickets at once: all clients are connected before the first one
// sends its handshake.
func (s *score) fight(ctx context.Context, shown []showing) {
	var connected, done sync.WaitGroup
	begin := make(chan struct{})
	connected.Add(len(shown))
	for i, show := range shown {
		done.Go(func() {
			conn, err := dial(ctx, show.server)
			connected.Done()
			if err != nil {
				s.count(show, answer{}, err)
				return
			}
			<-begin
			way := [...]door{doorQuery, doorSubprotocol, doorHeader}[i%3]
			a, err := shake(conn, way.handshake(show.server.public, show.token))
			s.count(show, a, err)
		})
	}
	connected.Wait()
	close(begin)
	done.Wait()
}

func (s *score) count(show showing, a answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.answers[err.Error()]++
		return
	}
	s.answers[a.String()]++
	if a.is(admitted) {
		s.admissions[show.ticket]++
	}
}

func (s *score) report(t *testing.T, took time.Duration) {
	t.Helper()
	total := 0
	for a, n := range s.answers {
		t.Logf("%6d  %s", n, a)
		total += n
	}
	t.Logf("%6d  handshakes by %d clients in %v", total, replicas*clientsPerGroup, took.Round(time.Millisecond))
}
