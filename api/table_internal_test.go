package api

import (
	"errors"
	"testing"

	"wsticket/ticket"
)

// TestOneCodeOneAdvice: a client knows the code and nothing else, so rows
// with one code must not expect different things of it.
func TestOneCodeOneAdvice(t *testing.T) {
	t.Parallel()
	advices := make(map[string]advice)
	for _, row := range rules() {
		if row.advice == "" {
			t.Errorf("%v: got no advice, want one", row.err)
		}
		code := row.problem.Code
		if before, known := advices[code]; known && before != row.advice {
			t.Errorf("%s: got advice %q and %q, want one", code, before, row.advice)
		}
		advices[code] = row.advice
	}
}

// TestRowsAreReached: no row is hidden by one above it, and waiting is told
// how long.
func TestRowsAreReached(t *testing.T) {
	t.Parallel()
	for _, row := range rules() {
		if got := ruleOf(row.err); !errors.Is(got.err, row.err) || got != row {
			t.Errorf("%v: got the row of %v, want its own", row.err, got.err)
		}
		if (row.advice == wait) != (row.retryAfter > 0) {
			t.Errorf("%v: got advice %q with Retry-After %s, want both or neither", row.err, row.advice, row.retryAfter)
		}
	}
}

// TestReasonsAreWords: labels of a metric. Rows may share a word where they
// share what the client is told; the answer is then as good as the word.
func TestReasonsAreWords(t *testing.T) {
	t.Parallel()
	seen := make(map[string]rule)
	for _, row := range rules() {
		word := ticket.Reason(row.err)
		if other, known := seen[word]; known && other.problem != row.problem || word == "" || word == "internal" {
			t.Errorf("%v: got reason %q, want one of its own (has %v)", row.err, word, other.err)
		}
		seen[word] = row
	}
}
