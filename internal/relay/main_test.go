package relay_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childFlag makes the test binary run as one of the servers of the benchmarks.
var childFlag = flag.String("relay.child", "", "what to serve, for the benchmarks")

func TestMain(m *testing.M) {
	flag.Parse()
	if *childFlag != "" {
		serveChild(*childFlag, os.Stdin, os.Stdout)
		return
	}
	goleak.VerifyTestMain(m)
}
