package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"wsticket/ticket"
)

var _ ticket.Once = (*Store)(nil)

// onceKey is the key of a name. It has a hash of it, so that it is short and tells
// nothing.
func (s *Store) onceKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return s.prefix + "once:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// First implements [ticket.Once] with one command, which Redis runs atomically.
func (s *Store) First(ctx context.Context, name string, keep time.Duration) (bool, error) {
	r, err := s.once(ctx, "set", s.onceKey(name), "1", "nx", "px", keep.Milliseconds())
	if err != nil {
		return false, fmt.Errorf("first: %w", err)
	}
	return r.found, nil
}

// Forget implements [ticket.Once]. It lets the key expire at once, so that users of
// wsticket need no right to delete tickets.
func (s *Store) Forget(ctx context.Context, name string) error {
	if _, err := s.once(ctx, "pexpire", s.onceKey(name), 0); err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}

// once sends a command about a key.
func (s *Store) once(ctx context.Context, command, key string, args ...any) (reply, error) {
	return s.withTimeout(ctx, key, func(ctx context.Context) (reply, error) {
		r, _, err := s.pipeline.send(ctx, key, append([]any{command, key}, args...))
		return r, err
	})
}
