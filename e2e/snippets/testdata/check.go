// The Go snippet's main: verifies each case of standard input.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"
)

func main() {
	assertions := &Assertions{
		Issuer: "https://api.example.com", Audience: "chat", Client: &http.Client{Timeout: 10 * time.Second},
	}
	var cases []struct{ Assertion, ID string }
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	out := make([]any, len(cases))
	for i, c := range cases {
		if claims, err := assertions.Verify(context.Background(), c.Assertion, c.ID); err == nil {
			out[i] = claims
		} else {
			out[i] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
