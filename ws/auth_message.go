package ws

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// maxAuthDepth bounds the nesting of a message before authentication.
const maxAuthDepth = 4

// authToken reads a text message before authentication. A well-formed object of
// another type is ignored, because the client's application may have begun to
// send. Anything else that is not an auth message is errMessage, because
// another parser could take it for one.
func authToken(text []byte) (token string, isAuth bool, err error) {
	if !utf8.Valid(text) {
		return "", false, errNotUTF8
	}
	fields, err := strictjson.Members(text, maxAuthDepth)
	if err != nil {
		return "", false, errMessage
	}
	kind, ok := strictjson.Text(fields["type"])
	if !ok {
		return "", false, errMessage
	}
	if kind != "auth" {
		return "", false, nil
	}
	token, ok = strictjson.Text(fields["token"])
	if !ok || len(fields) != 2 {
		return "", false, errMessage
	}
	return token, true, nil
}

// greeting is the message that names the user to an admitted client.
type greeting struct {
	Type         string `json:"type"`
	UserID       string `json:"userId"`
	ConnectionID string `json:"connectionId"`
	ExpiresAt    string `json:"expiresAt"`
}

// greet encodes a greeting: "auth_ok" is the answer to a good auth message.
func greet(kind string, grant ticket.Grant) []byte {
	// Strings always encode.
	text, _ := json.Marshal(greeting{
		Type: kind, UserID: grant.Identity.Subject, ConnectionID: string(grant.ID),
		ExpiresAt: grant.ConnectionExpiresAt.UTC().Format(time.RFC3339),
	})
	return text
}

// authFail encodes the answer to a first message that is refused with a problem
// code.
func authFail(code string) []byte {
	text, _ := json.Marshal(struct {
		Type string `json:"type"`
		Code string `json:"code"`
	}{"auth_fail", code})
	return text
}
