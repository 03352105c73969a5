package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"wsticket/internal/keyfile"
)

const (
	// maxSigned bounds the bearers that are signed: each is a process of its
	// own, which takes 10 ms. Callers take them in turn.
	maxSigned = 256
	// signers is how many of these processes run at the same time.
	signers = 4
)

// bearerShape is that of RFC 6750 2.1. Anything outside of it would end the
// header line.
var bearerShape = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// readBearers reads a file, or stdin for "-".
func readBearers(file string, stdin io.Reader) ([]string, error) {
	text, err := readInput(file, stdin)
	if err != nil {
		return nil, fmt.Errorf("--bearer-file: %w", err)
	}
	bearers, err := parseBearers(string(text))
	if err != nil {
		return nil, fmt.Errorf("--bearer-file: %s: %w", file, err)
	}
	return bearers, nil
}

func readInput(file string, stdin io.Reader) ([]byte, error) {
	if file != "-" {
		return keyfile.Read(file)
	}
	text, err := io.ReadAll(io.LimitReader(stdin, keyfile.MaxSize+1))
	if err == nil && len(text) > keyfile.MaxSize {
		err = errors.New("standard input: must be at most 1 MiB")
	}
	return text, err
}

// parseBearers takes one bearer from each line. No error repeats a line.
func parseBearers(text string) ([]string, error) {
	var bearers []string
	for n, line := range strings.Split(text, "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case !bearerShape.MatchString(line):
			return nil, fmt.Errorf("line %d is not a bearer", n+1)
		default:
			bearers = append(bearers, line)
		}
	}
	if len(bearers) == 0 {
		return nil, errors.New("no bearer in it")
	}
	return bearers, nil
}

// signBearers has `wsticket token` sign a bearer for each caller, of a subject
// of its own.
func (c *command) signBearers(ctx context.Context, p program, config, key string) ([]string, error) {
	// Good for three storms and what is done between them.
	lifetime := 3*(c.Duration+c.WarmUp) + 5*time.Minute
	args := []string{"token", "--key", key, "--ttl", lifetime.String()}
	if config != "" {
		args = append(args, "--config", config)
	}
	text, err := keyfile.Read(key)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		args = append(args, "--algorithm", "HS256")
	}
	bearers := make([]string, min(c.Callers, maxSigned))
	errs := make([]error, signers)
	var all sync.WaitGroup
	for from := range signers {
		all.Go(func() {
			for n := from; n < len(bearers) && errs[from] == nil; n += signers {
				bearers[n], errs[from] = p.sign(ctx, append(args[:len(args):len(args)], "--sub", fmt.Sprintf("bench-%d", n+1)))
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err) // the same for all
		}
	}
	return bearers, nil
}

// sign runs `wsticket token` and returns what it prints.
func (p program) sign(ctx context.Context, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, p.file, args...) //nolint:gosec // wsticket, with our flags
	cmd.Env = p.env
	log := &tail{}
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("wsticket token: %w%s", err, log.lines())
	}
	return strings.TrimSpace(string(out)), nil
}
