// The Go snippet's main: shows each case of standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
)

func main() {
	var cases []struct{ Ticket, Attempt, Origin string }
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	out := make([]any, len(cases))
	for i, c := range cases {
		grant, err := Consume(context.Background(), c.Ticket, c.Attempt, c.Origin)
		switch {
		case errors.Is(err, ErrRefused):
			out[i] = "refused"
		case err != nil:
			out[i] = "unknown"
		default:
			out[i] = grant
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
