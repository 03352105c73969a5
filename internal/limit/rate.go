package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxEvents is the largest number of events that the text of a rate may have.
const maxEvents = 1_000_000

// Rate is a number of events per duration. The zero value means no limit.
type Rate struct {
	Events int
	Per    time.Duration
}

// UnmarshalText parses a rate per second, minute or hour, such as "10/s",
// "600/m" or "100/h", with 1 to 1,000,000 events. "0" means no limit. After an
// error r is unchanged.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*r = Rate{}
		return nil
	}
	number, unit, _ := strings.Cut(string(text), "/")
	events, err := strconv.ParseUint(number, 10, 32)
	per, known := units[unit]
	if err != nil || !known || events < 1 || events > maxEvents {
		return fmt.Errorf("must be a number per second, minute or hour, such as 10/s, 600/m or 100/h, at most %d, or 0 for no limit (got %q)%s", maxEvents, text, perSecond(text))
	}
	*r = Rate{Events: int(events), Per: per}
	return nil
}

// perSecond says what to write in place of a number without a time.
func perSecond(text []byte) string {
	if n, err := strconv.ParseUint(string(text), 10, 32); err != nil || n == 0 || n > maxEvents {
		return ""
	}
	return ": write " + string(text) + "/s"
}

// MarshalText returns the text that [Rate.UnmarshalText] parses. It returns an
// error for a rate that is not per second, minute or hour.
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return []byte("0"), nil
	}
	for unit, per := range units {
		if r.Per == per {
			return fmt.Appendf(nil, "%d/%s", r.Events, unit), nil
		}
	}
	return nil, fmt.Errorf("rate: per %s has no text", r.Per)
}

// units are the durations by the letters that stand for them.
var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
