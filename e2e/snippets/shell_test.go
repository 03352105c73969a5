//go:build e2e

package snippets_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// home is a user's home folder, which is empty at first: what a block of a document finds
// that is pasted into a new terminal.
type home struct {
	dir  string
	path string
	env  []string
}

func newHome(t *testing.T) home {
	t.Helper()
	h := home{dir: t.TempDir(), path: "/usr/local/bin:/usr/bin:/bin"}
	h.env = []string{"HOME=" + h.dir, "GOTOOLCHAIN=local"}
	h.prefer(filepath.Dir(testenv.Need(t, "go")))
	// A new home would compile everything again, and so would a new clone without
	// -trimpath. The modules are there, verified by our go.sum: make e2e downloads them.
	h.env = append(h.env, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"),
		"GOFLAGS="+goEnv(t, "GOFLAGS")+" -trimpath", "GOPROXY=off", "GOSUMDB=off")
	return h
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}

// prefer makes the programs of a folder available, before those of the system.
func (h *home) prefer(dir string) { h.path = dir + ":" + h.path }

// clone copies what a clone of the repository has to ~/wsticket.
func (h home) clone(t *testing.T) {
	t.Helper()
	const root = "../.."
	into := filepath.Join(h.dir, "wsticket")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains([]string{".git", "bin", "node_modules"}, entry.Name()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil // .git of a worktree
		}
		to := filepath.Join(into, strings.TrimPrefix(path, root))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// install puts the program where make build leaves it.
func (h home) install(t *testing.T) {
	t.Helper()
	bin := filepath.Join(h.dir, "wsticket", "bin")
	err := os.MkdirAll(bin, 0o755)
	if err == nil {
		err = os.Symlink(buildServer(t), filepath.Join(bin, "wsticket"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shell returns a command that runs a block as a new terminal does.
func (h home) shell(ctx context.Context, block string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", block)
	cmd.Dir, cmd.Env = h.dir, append([]string{"PATH=" + h.path}, h.env...)
	// What a shell starts has to end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// paste runs a block and returns what it prints on standard output.
func (h home) paste(t *testing.T, block string) string {
	t.Helper()
	cmd := h.shell(t.Context(), block)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v\n%s%s", block, err, out, &errs)
	}
	return strings.TrimSpace(string(out))
}

// pasteAndLeave runs a block that does not end by itself until the test ends, and
// returns what it prints.
func (h home) pasteAndLeave(t *testing.T, block string) *test.Output {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := h.shell(ctx, block)
	out := new(test.Output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s\nprinted:\n%s", block, out)
		}
	})
	return out
}
