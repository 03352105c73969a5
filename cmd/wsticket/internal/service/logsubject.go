package service

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"

	"wsticket/ticket"
)

// The values of log.subject.
const (
	subjectPlain  = "true"
	subjectHashed = "hash"
)

// subjects adds users to lines of the log. Its zero value adds none.
type subjects struct {
	mode string
	key  []byte // of the digest
}

// newSubjects returns what log.subject says. The digest has a key, because the
// names of users are few and could be found by trying; it is the one that seals
// records, which every process that shares a store has, so that a user is the
// same word in the logs of all of them. Without one the word changes with each
// start.
func newSubjects(mode string, sealKeys [][]byte) subjects {
	key := make([]byte, ticket.SealKeyLen)
	if len(sealKeys) > 0 {
		key = sealKeys[0]
	} else {
		_, _ = rand.Read(key) // never fails
	}
	return subjects{mode, key}
}

// add returns the attributes and those of a user, if there is one.
func (s subjects) add(attrs []slog.Attr, user ticket.Identity) []slog.Attr {
	if user.Subject == "" {
		return attrs
	}
	switch s.mode {
	case subjectPlain:
		return slices.Concat(attrs, []slog.Attr{slog.String("iss", user.Issuer), slog.String("sub", user.Subject)})
	case subjectHashed:
		return slices.Concat(attrs, []slog.Attr{slog.String("sub_hash", s.digest(user))})
	default:
		return attrs
	}
}

// digestLen is the length of a digest in characters: as many as those of the ID
// of a ticket.
const digestLen = 22

func (s subjects) digest(user ticket.Identity) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = mac.Write([]byte("log.subject\n" + user.Issuer + "\n" + user.Subject))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))[:digestLen]
}

// isProbe reports whether an event is a probe or a scrape that was answered,
// which come every few seconds and say nothing.
func isProbe(e *ticket.Event) bool {
	probes := []string{"/livez", "/startupz", "/readyz", "/metrics"}
	return e.Kind == ticket.EventRequest && slices.Contains(probes, e.HTTP.Route) && (e.HTTP.Status < 400 || e.HTTP.Status == 503)
}

// lowered logs everything at the debug level.
type lowered struct{ slog.Handler }

// Enabled reports whether the debug level is logged.
func (l lowered) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle writes a line.
func (l lowered) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return l.Handler.Handle(ctx, r)
}
