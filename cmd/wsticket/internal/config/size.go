package config

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes, written like 64KiB.
type Size int64

var _ encoding.TextUnmarshaler = (*Size)(nil)

// UnmarshalText reads a whole number with an optional unit of B, KiB or MiB.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = rest, factor
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "B"), 10, 64)
	if err != nil || n < 0 || n > (1<<40)/unit {
		return fmt.Errorf("must be a size in bytes, KiB or MiB, such as 4096, 64KiB or 1MiB (got %q)%s", text, inPowersOfTwo(string(text)))
	}
	*s = Size(n * unit)
	return nil
}

// inPowersOfTwo says what to write in place of a size in KB or MB.
func inPowersOfTwo(text string) string {
	number := strings.TrimRight(strings.ToUpper(text), "IB")
	for _, unit := range []string{"K", "M"} {
		digits, ok := strings.CutSuffix(number, unit)
		if _, err := strconv.ParseUint(digits, 10, 32); ok && err == nil {
			return ": write " + digits + unit + "iB"
		}
	}
	return ""
}

// String writes the size in its largest whole unit.
func (s Size) String() string {
	switch {
	case s >= 1<<20 && s%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", s>>20)
	case s >= 1<<10 && s%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", s>>10)
	}
	return strconv.FormatInt(int64(s), 10)
}
