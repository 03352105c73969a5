//go:build e2e

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"wsticket/store/redisstore"
)

var (
	// seed repeats the random choices of another run, though not its timing.
	seed = flag.Uint64("seed", 1, "seed of random choices")
	// workerJob makes the test binary run as a worker of TestHistories.
	workerJob = flag.String("worker", "", "a job in JSON, for the workers that tests start")
	// screenshots is where the tests of the pages put pictures, if anywhere.
	screenshots = flag.String("screenshots", "", "folder for pictures of the pages")
	// previous is a program of another version, for TestRollingRestart.
	previous = flag.String("previous", "", "a wsticket of another version, which TestRollingRestart upgrades")
	// scratch is a folder that is removed when the process ends.
	scratch string
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests cause errors on purpose.
	redisstore.QuietLogger(slog.New(slog.DiscardHandler))
	if *workerJob != "" {
		if err := work(*workerJob, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
		}
		return
	}
	var err error
	if scratch, err = os.MkdirTemp("", "wsticket-e2e-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(scratch)
		os.Exit(code) //nolint:forbidigo // the test binary ends here
	}))
}

// build builds the program once, and buildRacing the one with the race detector.
var (
	build       = builder("wsticket")
	buildRacing = builder("wsticket-race", "-race")
)

func builder(name string, flags ...string) func() (program string, err error) {
	return sync.OnceValues(func() (string, error) {
		program := filepath.Join(scratch, name)
		args := slices.Concat([]string{"build", "-o", program}, flags, []string{"wsticket/cmd/wsticket"})
		out, err := exec.CommandContext(context.Background(), "go", args...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, out)
		}
		return program, err
	})
}
