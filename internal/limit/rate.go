package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxEvents bounds the number in the text of a rate.
const maxEvents = 1_000_000

// Rate is a number of events in a time. The zero value is no limit.
type Rate struct {
	Events int
	Per    time.Duration
}

// UnmarshalText reads "10/s", "600/m" or "100/h", and "0" for no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*r = Rate{}
		return nil
	}
	number, unit, _ := strings.Cut(string(text), "/")
	events, err := strconv.ParseUint(number, 10, 32)
	per, known := units()[unit]
	if err != nil || !known || events < 1 || events > maxEvents {
		return fmt.Errorf("rate: must be N/s, N/m or N/h with N 1..%d, or 0 for no limit (got %q)", maxEvents, text)
	}
	*r = Rate{Events: int(events), Per: per}
	return nil
}

// MarshalText writes what [Rate.UnmarshalText] reads. A rate that is not per
// second, minute or hour has no text and is an error.
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return []byte("0"), nil
	}
	for unit, per := range units() {
		if r.Per == per {
			return fmt.Appendf(nil, "%d/%s", r.Events, unit), nil
		}
	}
	return nil, fmt.Errorf("rate: per %s has no text", r.Per)
}

func units() map[string]time.Duration {
	return map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
}
