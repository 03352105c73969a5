package memstore

import (
	"context"
	"fmt"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// PutNote implements [ticket.NoteStore]. The note is gone with its ticket.
func (s *Store) PutNote(ctx context.Context, id ticket.ID, n ticket.Note) error {
	value, err := record.EncodeNote(n)
	if err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	return s.withItem(ctx, "put note", id, func(t *item) error {
		t.note = value
		return nil
	})
}

// NoteOf implements [ticket.NoteStore].
func (s *Store) NoteOf(ctx context.Context, id ticket.ID) (n ticket.Note, err error) {
	err = s.withItem(ctx, "note", id, func(t *item) (err error) {
		if t.note == nil {
			return ticket.ErrNotFound
		}
		n, err = record.DecodeNote(t.note)
		return err
	})
	return n, err
}

// withItem calls do with a ticket, whose shard is locked.
func (s *Store) withItem(ctx context.Context, what string, id ticket.ID, do func(*item) error) error {
	err := s.check(ctx)
	if err == nil {
		sh := s.lock(id, s.elapsed())
		defer sh.mu.Unlock()
		err = ticket.ErrNotFound
		if t := sh.byID[id]; t != nil {
			err = do(t)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
