package service

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/keyfile"
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
	text, err := keyfile.Read(file)
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
			return nil, keyfile.In(file, fmt.Errorf("line %d must be base64 of %d bytes, as openssl rand -base64 %[2]d prints it", n+1, ticket.SealKeyLen))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, keyfile.In(file, errors.New("holds no key: write one with openssl rand -base64 32"))
	}
	return keys, nil
}
