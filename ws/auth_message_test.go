package ws_test

import (
	"strings"
	"testing"
)

// W17 to W20: texts that some parser takes for an auth message. Each is
// refused, and none reaches the redeemer. Text that is not JSON is tested in
// internal/strictjson.
func TestMalformedAuthMessages(t *testing.T) {
	f := messageFixture(t, nil)
	good := `{"type":"auth","token":"` + goodBearer + `"}`
	tests := []struct{ rule, text string }{
		{"W17 an empty object", `{}`},
		{"W17 an array", `[]`},
		{"W17 an array of the message", `[` + good + `]`},
		{"W17 null", `null`},
		{"W17 a string", `"auth"`},
		{"W17 a number", `1`},
		{"W17 no token", `{"type":"auth"}`},
		{"no type", `{"token":"` + goodBearer + `"}`},
		{"a type that is no string", `{"type":["auth"],"token":"x"}`},
		{"a type that is null", `{"type":null,"token":"x"}`},
		{"a type in another case", `{"Type":"auth","token":"x"}`},
		{"a token in another case", `{"type":"auth","Token":"x"}`},
		{"W18 a token that is a number", `{"type":"auth","token":1}`},
		{"W18 an array", `{"type":"auth","token":["x"]}`},
		{"W18 an object", `{"type":"auth","token":{"x":"y"}}`},
		{"W18 null", `{"type":"auth","token":null}`},
		{"W18 true", `{"type":"auth","token":true}`},
		{"W19 the token twice", `{"type":"auth","token":"x","token":"` + goodBearer + `"}`},
		{"W19 the token twice, in two spellings", `{"type":"auth","token":"x","\u0074oken":"` + goodBearer + `"}`},
		{"W19 the token twice but for its case", `{"type":"auth","token":"x","Token":"` + goodBearer + `"}`},
		{"W19 the type twice", `{"type":"hello","type":"auth","token":"x"}`},
		{"W20 text behind it", good + `garbage`},
		{"W20 another one behind it", good + good},
		{"W20 a comma behind it", good + `,`},
		{"W20 a bracket behind it", good + `}`},
		{"W20 NUL behind it", good + "\x00"},
		{"an unknown field", `{"type":"auth","token":"x","audience":"chat"}`},
		{"nested too deep, in another type too", `{"type":"x","a":` + strings.Repeat("[", 5) + strings.Repeat("]", 5) + `}`},
		{"a thousand brackets", strings.Repeat("[", 1000)},
		{"two thousand brackets that match", `{"type":"x","a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`},
		{"an unpaired surrogate", `{"type":"auth","token":"\ud800"}`},
		{"a pair in the wrong order", `{"type":"auth","token":"\udc00\ud800"}`},
		{"a token without any JSON", goodBearer},
		{"a token of a cookie", `token=` + goodBearer},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			text, code, reason := f.await(t, frame(opText, tt.text)).farewell(t)
			if text != `{"type":"auth_fail","code":"invalid_request"}` || code != 4001 || reason != authFailed {
				t.Errorf("got %q, close %d %q, want invalid_request and 4001", text, code, reason)
			}
		})
	}
	if f.redeemed.Load() != 0 {
		t.Error("a ticket was redeemed")
	}
}

// A well-formed object of another type is ignored, whatever it contains.
func TestOtherMessagesAreIgnored(t *testing.T) {
	f := messageFixture(t, nil)
	for _, text := range []string{
		`{"type":"hello"}`, `{"type":""}`, `{"type":"AUTH","token":"x"}`, `{"type":"auth_ok"}`, `{"type":"x","n":1e999}`,
		`{"type":"x","a":{"b":[{}]}}`, "\t{\"type\" : \"x\"}\r\n",
	} {
		got := f.await(t, frame(opText, text)+auth(goodBearer))
		if ok := got.authenticated(t); ok["userId"] != "alice" {
			t.Errorf("%s: then %v, want alice", text, ok)
		}
		_ = got.conn.Close()
	}
}
