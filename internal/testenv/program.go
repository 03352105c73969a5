package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Program builds wsticket into a folder and returns its path. The flags are those of
// `make build`: what that has compiled is not compiled again, which would take minutes.
func Program(dir string) (string, error) {
	program := filepath.Join(dir, "wsticket")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, "wsticket/cmd/wsticket")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}
