package ws_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

// exchange is a row of testdata/vectors/first_message.json.
type exchange struct {
	Rule           string
	Client, Server []struct {
		Text   string
		Binary *string
	}
	Close *struct {
		Code   int
		Reason string
	}
}

func TestFirstMessageVectors(t *testing.T) {
	text, err := os.ReadFile("../testdata/vectors/first_message.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Exchanges []exchange }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Exchanges) < 10 {
		t.Fatalf("only %d exchanges", len(file.Exchanges))
	}
	f := messageFixture(t, nil)
	hurried := messageFixture(t, func(s *setup) { s.ws.AuthTimeout = 50 * time.Millisecond })
	for _, row := range file.Exchanges {
		t.Run(row.Rule, func(t *testing.T) {
			if len(row.Client) == 0 {
				hurried.exchange(t, row)
			} else {
				f.exchange(t, row)
			}
		})
	}
}

func (f *fixture) exchange(t *testing.T, row exchange) {
	t.Helper()
	fresh, spent := f.issue(nil), f.issue(nil)
	if _, err := f.service.Redeem(t.Context(), spent.Token, ticket.Presentation{Audience: "chat"}); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$TICKET", fresh.Token.Reveal(), "$SPENT", spent.Token.Reveal(), "$BEARER", goodBearer)
	var frames string
	for _, sent := range row.Client {
		if sent.Binary == nil {
			frames += frame(opText, fill.Replace(sent.Text))
			continue
		}
		bytes, err := base64.StdEncoding.DecodeString(*sent.Binary)
		if err != nil {
			t.Fatal(err)
		}
		frames += frame(opBinary, string(bytes))
	}
	got := f.await(t, frames)
	for _, want := range row.Server {
		opcode, text := got.readFrame(t)
		if opcode != opText || !alike(text, want.Text, string(fresh.ID)) {
			t.Errorf("got frame %d %s, want %s", opcode, text, want.Text)
		}
	}
	if row.Close == nil {
		if _, hello := got.readFrame(t); !strings.Contains(hello, `"hello"`) {
			t.Errorf("then %q, want the application's greeting", hello)
		}
		_ = got.conn.Close()
		return
	}
	if text, code, reason := got.farewell(t); text != "" || code != row.Close.Code || reason != row.Close.Reason {
		t.Errorf("closed with %q, %d %q, want %d %q", text, code, reason, row.Close.Code, row.Close.Reason)
	}
}

// alike compares a message with that of a vector, byte for byte but for what
// no vector can know.
func alike(got, want, id string) bool {
	var ok struct{ ConnectionID, ExpiresAt string }
	if json.Unmarshal([]byte(got), &ok) != nil {
		return false
	}
	if !strings.Contains(got, id) { // a bearer's connection has an ID of its own
		if _, err := ticket.ParseID(ok.ConnectionID); ok.ConnectionID != "" && err != nil {
			return false
		}
		id = ok.ConnectionID
	}
	if _, err := time.Parse(time.RFC3339, ok.ExpiresAt); ok.ExpiresAt != "" && err != nil {
		return false
	}
	return got == strings.NewReplacer("$ID", id, "$EXPIRES", ok.ExpiresAt).Replace(want)
}
