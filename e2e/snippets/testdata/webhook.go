// Command webhook verifies each case of standard input by the Go snippet.
package main

import (
	"encoding/json"
	"log"
	"os"
)

func main() {
	var cases []struct{ Secret, Header, Body string }
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		log.Fatal(err)
	}
	out := make([]bool, len(cases))
	for n, c := range cases {
		out[n] = Verify(c.Secret, c.Header, []byte(c.Body))
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		log.Fatal(err)
	}
}
