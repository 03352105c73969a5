package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"wsticket/internal/maskurl"
)

// Secret is a setting that prints as a fixed text: a URL with a password, for
// example. It is held by pointer so that fmt cannot read it out of a struct's
// unexported field.
type Secret struct {
	text *string
	dir  string
	file string // that it was read from
}

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Dir returns the folder that names of files in the text are relative to. It is
// empty for the working directory.
func (s Secret) Dir() string { return s.dir }

// PasswordFile returns the file that a URL with a password was read from. It is
// empty for a URL without one, and for one from the environment or a flag.
func (s Secret) PasswordFile() string {
	if text := s.Reveal(); maskurl.HasUser(text) || strings.Contains(text, "password=") {
		return s.file
	}
	return ""
}

// UnmarshalText takes any text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// String returns a fixed text.
func (s Secret) String() string { return "[redacted]" }

// Format writes a fixed text for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns a fixed text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a fixed text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
