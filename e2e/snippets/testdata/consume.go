// The Go snippet's main: shows each case of standard input, or with an argument checks
// the key.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		if err := CheckKey(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			if errors.Is(err, ErrKey) {
				os.Exit(1)
			}
		}
		return
	}
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
		case errors.Is(err, ErrUnknown):
			out[i] = "unknown: " + err.Error()
		case err != nil:
			panic(err)
		default:
			out[i] = grant
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
