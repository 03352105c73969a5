//go:build e2e

package e2e_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"wsticket/store/redisstore"
)

var (
	// seed makes another run meet the same choices, if not the same timing.
	seed = flag.Uint64("seed", 1, "seed of what is drawn by lot")
	// workerJob makes this program a worker of a history in place of a test.
	workerJob = flag.String("worker", "", "a job, as JSON; the tests start their workers by it")
	// scratch is there as long as this process.
	scratch string
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of what happens here is trouble, and means to be.
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
		os.Exit(code) //nolint:forbidigo // the end of the process of the tests
	}))
}

// build makes the program once, as it is shipped.
var build = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(scratch, "wsticket")
	out, err := exec.Command("go", "build", "-o", program, "wsticket/cmd/wsticket").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, err
})
