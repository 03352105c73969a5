// Command sbom writes the software bill of materials of a program that Go has built,
// as CycloneDX 1.6 in JSON. It is what .goreleaser.yaml runs for each program:
//
//	sbom [-version VERSION] [-date TIME] PROGRAM FILE
//
// What is in it comes from the program itself, where the compiler lists every module
// whose packages are linked. The same program has the same bill, byte by byte.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit code.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	flags.SetOutput(stderr)
	version := flags.String("version", "", "the `version` of the program. Default: what the compiler knows")
	date := flags.String("date", "", "the `time` of the release (RFC 3339)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() != 2:
		_, _ = fmt.Fprintln(stderr, "sbom: wants two files: a program that Go has built, and where to write the bill")
		return 2
	}
	if err := write(flags.Arg(0), flags.Arg(1), *version, *date); err != nil {
		_, _ = fmt.Fprintln(stderr, "sbom:", err)
		return 1
	}
	return 0
}

// write writes the bill of a program into a file.
func write(program, file, version, date string) error {
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read the modules of a program: %w", err)
	}
	hash, err := sum(program)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(newBill(built, version, date, hash), "", "  ")
	if err != nil {
		return fmt.Errorf("write the bill: %w", err)
	}
	return os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // It is published.
}
