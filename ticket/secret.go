package ticket

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// secret is a text that does not print. It is held by pointer because fmt prints
// the unexported fields of a struct without calling their methods: a string
// would show, a pointer is only an address.
type secret struct{ text *string }

// Reveal returns the secret itself: to hand it to its owner or to derive
// something from it, never for a log or an error.
func (s secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s secret) IsZero() bool { return s.Reveal() == "" }

// String returns a fixed text in place of the secret.
func (s secret) String() string { return redacted }

// GoString returns a fixed text in place of the secret.
func (s secret) GoString() string { return redacted }

// Format writes a fixed text for every verb, including wrong ones, for which fmt
// would print the value.
func (s secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a fixed text in place of the secret.
func (s secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a fixed text in place of the secret; encoding/json and
// others that encode text use it.
func (s secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Bearer is the long-lived credential of a caller, as it was presented. It
// redacts itself like a [Token].
type Bearer struct{ secret }

// NewBearer wraps the credential text.
func NewBearer(text string) Bearer { return Bearer{secret{&text}} }
