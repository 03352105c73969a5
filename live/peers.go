package live

import (
	"context"
	"encoding/json"
	"fmt"
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
	// that lives.
	Serve(ctx context.Context, node string, answer func(ctx context.Context, question []byte) []byte)
}

// question is what one process asks all.
type question struct {
	Kind string          `json:"kind"`
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

// ask asks every process, this one included.
func (r *Registry) ask(ctx context.Context, kind string, data any) (answers, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return answers{}, fmt.Errorf("ask: %w", err)
	}
	return answers{By: map[string]json.RawMessage{"": r.answer(ctx, question{kind, encoded})}}, nil
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
