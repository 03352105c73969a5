//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
)

// mebibyte is the size of a large message.
const mebibyte = 1 << 20

// TestMessagesPassTheSidecar sends compressed and large messages, and fragmented ones
// with pings between the frames, which the application answers.
func TestMessagesPassTheSidecar(t *testing.T) {
	idp := newIssuer(t)
	bearer := idp.bearer(t, "alice")
	for name, u := range applications(t) {
		s := sidecar(t, idp, u)
		o := bearerInHeader().order("ws://"+s.public+"/ws", bearer)
		for _, v := range []visitor{npmWS(t), undici(t), python(t)} {
			t.Run(v.name+" to "+name, func(t *testing.T) {
				o := o
				o.Steps = []step{say("hello"), listen(), {Fill: mebibyte}, listen(), leave()}
				wantLarge(t, v.mustVisit(t, o)[0], "")
				o.Deflate = true
				wantLarge(t, v.mustVisit(t, o)[0], deflate(v))
			})
		}
		t.Run("fragments and pings from npm ws to "+name, func(t *testing.T) {
			o := o
			o.Steps = []step{{Fragments: []string{"a", "b", "c"}}, listen(), listen(), listen(), listen(), leave()}
			var got []string
			for _, e := range npmWS(t).mustVisit(t, o)[0] {
				got = append(got, e.String())
			}
			slices.Sort(got)
			if want := []string{"closed 1000", "message abc", "open", "pong", "pong", "pong"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// deflate returns the extension that a visitor reports if it compresses.
func deflate(v visitor) string {
	if v.name == "npm ws" {
		return "permessage-deflate"
	}
	return ""
}

// wantLarge checks the echoes of a short and a large message.
func wantLarge(t *testing.T, got []event, extensions string) {
	t.Helper()
	wantEvents(t, "messages", got, "open", "message hello", "message of 1048576 bytes", "closed 1000")
	if len(got) != 4 {
		return
	}
	sent := sha256.Sum256(filling(mebibyte))
	if want := hex.EncodeToString(sent[:]); got[2].SHA256 != want {
		t.Errorf("SHA-256 of the large message: got %s, want %s", got[2].SHA256, want)
	}
	if extensions != "" && got[0].Extensions != extensions {
		t.Errorf("extensions: got %q, want %q", got[0].Extensions, extensions)
	}
}

// filling returns the message of the step fill.
func filling(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	return data
}
