package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Use is what processes use of the machine.
type Use struct {
	CPU         time.Duration
	Resident    int // bytes of memory
	Descriptors int
}

// UseOf adds up what processes use, from proc(5). It skips the test if there is
// no such file system.
func UseOf(tb testing.TB, pids ...int) Use {
	tb.Helper()
	var sum Use
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		stat, err := os.ReadFile(filepath.Join(dir, "stat")) //nolint:gosec // A file of proc(5).
		if err != nil {
			tb.Skip("no /proc here")
		}
		// The name may contain spaces. After it come the state as the 3rd field,
		// the ticks in user and system mode as the 14th and 15th, and the pages of
		// resident memory as the 24th.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.Atoi(field)
			sum.CPU += time.Duration(ticks) * 10 * time.Millisecond
		}
		pages, _ := strconv.Atoi(fields[21])
		sum.Resident += pages * os.Getpagesize()
		open, _ := os.ReadDir(filepath.Join(dir, "fd"))
		sum.Descriptors += len(open)
	}
	return sum
}
