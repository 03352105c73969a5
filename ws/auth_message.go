package ws

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"wsticket/internal/problem"
	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// maxAuthDepth bounds the nesting of a message before authentication.
const maxAuthDepth = 4

// authToken reads a text message before authentication. One that is a
// well-formed object of another type is nothing to us: the peer's application
// may have begun to talk. One that is no such thing could be taken for an auth
// message by somebody else, and is errMessage.
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

// greeting tells a peer who it is to us.
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

// failure is the answer to another one.
type failure struct {
	Type string `json:"type"`
	Code string `json:"code"`
}

func fail(p problem.Problem) []byte {
	text, _ := json.Marshal(failure{Type: "auth_fail", Code: p.Code})
	return text
}
