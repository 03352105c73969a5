package record

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

func TestNote(t *testing.T) {
	t.Parallel()
	for _, want := range []ticket.Note{
		{Reason: "spent", At: time.UnixMilli(1).UTC()},
		{Reason: strings.Repeat("a", maxReason), At: time.UnixMilli(-1).UTC()},
	} {
		value, err := EncodeNote(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeNote(value); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for _, value := range [][]byte{nil, make([]byte, timeLen), make([]byte, timeLen+maxReason+1)} {
		if got, err := DecodeNote(value); !errors.Is(err, ticket.ErrCorrupt) || got != (ticket.Note{}) {
			t.Errorf("%d bytes: got %+v, %v, want ErrCorrupt", len(value), got, err)
		}
	}
}

// FuzzDecodeNote: each note has one encoding only.
func FuzzDecodeNote(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x93\x00\x00\x00\x00spent"))
	f.Fuzz(func(t *testing.T, value []byte) {
		note, err := DecodeNote(value)
		if err != nil {
			return
		}
		if again, err := EncodeNote(note); err != nil || !bytes.Equal(again, value) {
			t.Errorf("decode and encode: got %x, %v, want %x", again, err, value)
		}
	})
}
