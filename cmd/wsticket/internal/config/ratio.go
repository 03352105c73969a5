package config

import (
	"encoding"
	"fmt"
	"strconv"
)

// Ratio is a part of all, from 0 to 1.
type Ratio float64

var _ encoding.TextUnmarshaler = (*Ratio)(nil)

// UnmarshalText reads a decimal number.
func (r *Ratio) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n >= 0 && n <= 1) { // also for NaN
		return fmt.Errorf("must be a number from 0 to 1, such as 0.1 for a tenth (got %q)", text)
	}
	*r = Ratio(n)
	return nil
}

// String returns the number that UnmarshalText reads.
func (r Ratio) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) }
