package relay_test

import (
	"testing"

	"wsticket/internal/wsframe"
)

// A text of the relay comes between two messages, whatever the application has sent.
func TestSendBetweenMessages(t *testing.T) {
	t.Parallel()
	_, client, app, tunnel := open(t, nil)
	notice := plain(wsframe.Text, "notice")
	tunnel.Send([]byte("notice"))
	client.expect(notice)

	begun, rest := "\x01\x01a", "\x80\x01b" // two fragments
	app.send(begun)
	client.expect(begun)
	tunnel.Send([]byte("notice"))
	app.send(plain(wsframe.Ping, "p"))
	client.expect(plain(wsframe.Ping, "p"))
	app.send(rest)
	client.expect(rest, notice)

	whole := plain(wsframe.Text, "hello")
	app.send(whole[:3])
	client.expect(whole[:3])
	tunnel.Send([]byte("notice"))
	app.send(whole[3:])
	client.expect(whole[3:], notice)
}

// Texts wait for the end of a message in their order; of more than four the oldest is
// dropped.
func TestTextsWait(t *testing.T) {
	t.Parallel()
	_, client, app, tunnel := open(t, nil)
	begun, rest := "\x01\x01a", "\x80\x01b"
	app.send(begun)
	client.expect(begun)
	var last []string
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		tunnel.Send([]byte(text))
		last = append(last, plain(wsframe.Text, text))
	}
	app.send(rest)
	client.expect(append([]string{rest}, last[1:]...)...)
}

func TestNothingIsSentAfterClose(t *testing.T) {
	t.Parallel()
	_, client, app, tunnel := open(t, nil)
	tunnel.Close(4003, "revoked")
	tunnel.Send([]byte("late"))
	client.expect(plain(wsframe.Close, closing(4003, "revoked")))
	client.send(masked(wsframe.Close, closing(4003, "")))
	app.send(plain(wsframe.Close, closing(4003, "")))
	client.expectEnd()
}
