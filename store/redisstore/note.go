package redisstore

import (
	"context"
	"fmt"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// noteKey is the key of a ticket's note. Notes have keys of their own, so that no
// command about them touches a ticket.
func (s *Store) noteKey(id ticket.ID) string { return s.key(id) + ":note" }

// PutNote implements [ticket.NoteStore] with two commands. Notes are rare.
func (s *Store) PutNote(ctx context.Context, id ticket.ID, n ticket.Note) error {
	value, err := record.EncodeNote(n)
	if err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	if _, err := s.Lookup(ctx, id); err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	if _, err := s.sendNote(ctx, id, "set", s.noteKey(id), value, "px", s.retention); err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	return nil
}

// NoteOf implements [ticket.NoteStore].
func (s *Store) NoteOf(ctx context.Context, id ticket.ID) (ticket.Note, error) {
	r, err := s.sendNote(ctx, id, "get", s.noteKey(id))
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

// sendNote sends a command about the note of a ticket.
func (s *Store) sendNote(ctx context.Context, id ticket.ID, args ...any) (reply, error) {
	key := s.noteKey(id)
	return s.withTimeout(ctx, key, func(ctx context.Context) (reply, error) {
		r, _, err := s.pipeline.send(ctx, key, args)
		return r, err
	})
}
