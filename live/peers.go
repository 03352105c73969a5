package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"wsticket/ticket"
)

// Peers are the processes that share a store, as a message bus. Questions and answers
// are sealed: see [Options].
type Peers interface {
	// Ask sends a question to every process that lives, also to the asking one, and
	// returns their answers by the names of the processes. missing are those that live
	// and did not answer before ctx ended. The error wraps [ticket.ErrUnavailable] if
	// the question could not be sent.
	Ask(ctx context.Context, question []byte) (answers map[string][]byte, missing []string, err error)
	// Serve answers questions until ctx ends. Until then this process counts as one
	// that lives. An answer that is nil is not sent.
	Serve(ctx context.Context, node string, answer func(ctx context.Context, question []byte) []byte)
}

// The purposes of what processes seal for each other.
const (
	purposeQuestion = "question"
	purposeAnswer   = "answer"
)

const (
	// askTimeout bounds a question whose asker has no deadline.
	askTimeout = 2 * time.Second
	// questionLife is how old a question may be: longer than one waits, and than the
	// clocks of two processes differ. An older one was kept and is sent again.
	questionLife = time.Minute
)

// question is what one process asks all.
type question struct {
	ID   string          `json:"id"`
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data,omitempty"`
}

// answer is what one process says to a question. Node and ID are sealed with it, so that
// whoever can write to the store can neither move nor repeat one.
type answer struct {
	ID   string          `json:"id"`
	Node string          `json:"node"`
	Data json.RawMessage `json:"data,omitempty"`
}

// An answerer answers questions of one kind. Its result is encoded as JSON; nil is no
// answer.
type answerer func(ctx context.Context, data json.RawMessage) any

// answers are those of all processes to a question.
type answers struct {
	// By has the answers by the names of the processes.
	By map[string]json.RawMessage
	// Missing are the processes that live and did not answer.
	Missing []string
}

// ServePeers answers the questions of the processes that share Options.Peers until ctx
// ends. Without Peers it returns at once.
func (r *Registry) ServePeers(ctx context.Context) {
	if r.o.Peers != nil {
		r.o.Peers.Serve(ctx, r.node, r.answerSealed)
	}
}

// ask asks every process, this one included. Its deadline is that of ctx, at most
// askTimeout.
func (r *Registry) ask(ctx context.Context, kind string, data any) (answers, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return answers{}, fmt.Errorf("ask: %w", err)
	}
	q := question{ID: string(ticket.NewID()), At: r.o.Now(), Kind: kind, Data: encoded}
	if r.o.Peers == nil {
		return answers{By: map[string]json.RawMessage{r.node: r.answer(ctx, q)}}, nil
	}
	plain, err := json.Marshal(q)
	if err != nil {
		return answers{}, fmt.Errorf("ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	got, missing, err := r.o.Peers.Ask(ctx, r.seal().Seal(purposeQuestion, plain))
	if err != nil {
		return answers{}, fmt.Errorf("ask: %w", err)
	}
	return r.openAnswers(q, got, missing), nil
}

// openAnswers opens the answers to a question. One that is not the node's own is
// missing.
func (r *Registry) openAnswers(q question, got map[string][]byte, missing []string) answers {
	all := answers{By: make(map[string]json.RawMessage, len(got)), Missing: slices.Clone(missing)}
	for node, sealed := range got {
		var a answer
		plain, err := r.seal().Open(purposeAnswer, sealed)
		if err != nil || json.Unmarshal(plain, &a) != nil || a.ID != q.ID || a.Node != node {
			all.Missing = append(all.Missing, node)
			continue
		}
		all.By[node] = a.Data
	}
	slices.Sort(all.Missing)
	return all
}

// answerSealed answers a question of another process, and nothing that was not sealed
// by one, or that is old.
func (r *Registry) answerSealed(ctx context.Context, sealed []byte) []byte {
	var q question
	plain, err := r.seal().Open(purposeQuestion, sealed)
	if err != nil || json.Unmarshal(plain, &q) != nil || r.o.Now().Sub(q.At).Abs() > questionLife {
		return nil
	}
	encoded, err := json.Marshal(answer{ID: q.ID, Node: r.node, Data: r.answer(ctx, q)})
	if err != nil {
		return nil
	}
	return r.seal().Seal(purposeAnswer, encoded)
}

// answer answers a question about the connections of this process.
func (r *Registry) answer(ctx context.Context, q question) json.RawMessage {
	answerers := map[string]answerer{
		askRenewal: r.answerRenewal, askParty: r.answerParty, askList: r.answerList, askHas: r.answerHas,
	}
	f, ok := answerers[q.Kind]
	if !ok {
		return nil
	}
	encoded, err := json.Marshal(f(ctx, q.Data))
	if err != nil {
		return nil
	}
	return encoded
}
