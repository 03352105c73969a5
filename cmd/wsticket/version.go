package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker, which can only set package variables: see the
// Makefile.
var version = "dev"

type versionCmd struct{}

// Run prints the version and what built it.
func (versionCmd) Run(w world) error {
	_, err := fmt.Fprintf(w.Stdout, "wsticket %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
