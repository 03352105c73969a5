package redisstore

import (
	"context"
	"fmt"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// noteKey is the key of a ticket's note. Notes have keys of their own, so that no
// command about them changes a ticket. The hash tag is the ticket's key, so that
// both are in the same slot of a cluster.
func (s *Store) noteKey(id ticket.ID) string { return s.prefix + "note:{" + s.key(id) + "}" }

// PutNote implements [ticket.NoteStore] with one script, which is one command
// whether or not there is such a ticket.
func (s *Store) PutNote(ctx context.Context, id ticket.ID, n ticket.Note) error {
	value, err := record.EncodeNote(n)
	if err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	r, err := s.runStep(ctx, s.scripts.note, []string{s.key(id), s.noteKey(id)}, value, s.retention.Milliseconds())
	if err == nil {
		_, err = r.entry(id)
	}
	if err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	return nil
}

// NoteOf implements [ticket.NoteStore].
func (s *Store) NoteOf(ctx context.Context, id ticket.ID) (ticket.Note, error) {
	key := s.noteKey(id)
	r, err := s.withTimeout(ctx, key, func(ctx context.Context) (reply, error) {
		r, _, err := s.pipeline.send(ctx, key, []any{"get", key})
		return r, err
	})
	if err == nil && !r.found {
		err = ticket.ErrNotFound
	}
	if err != nil {
		return ticket.Note{}, fmt.Errorf("note: %w", err)
	}
	n, err := record.DecodeNote(r.value)
	if err != nil {
		return ticket.Note{}, fmt.Errorf("note: %w", err)
	}
	return n, nil
}
