package service

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/ticket"
)

// readSealKeys reads one key a line: base64 of 32 bytes, as
// `openssl rand -base64 32` prints it. The first seals, all open. Without a
// file there are none, and the ticket service draws one of its own.
func readSealKeys(file string) ([][]byte, error) {
	keys, err := parseSealKeys(file)
	f := config.NewFaults()
	f.Add("ticket.seal_key_file", err)
	return keys, f.Err()
}

func parseSealKeys(file string) ([][]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// The line is not repeated: it is a key, or nearly one.
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != ticket.SealKeyLen {
			return nil, fmt.Errorf("%s:%d: must be base64 of %d bytes (openssl rand -base64 32)", file, n+1, ticket.SealKeyLen)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New(file + ": no key in it")
	}
	return keys, nil
}
