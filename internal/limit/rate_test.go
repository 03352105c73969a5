package limit_test

import (
	"strings"
	"testing"
	"time"

	"wsticket/internal/limit"
)

func TestRateText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limit.Rate{
		"10/s":      {Events: 10, Per: time.Second},
		"600/m":     {Events: 600, Per: time.Minute},
		"1/h":       {Events: 1, Per: time.Hour},
		"1000000/s": {Events: 1_000_000, Per: time.Second},
		"0":         {},
	} {
		var got limit.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got (%+v, %v), want (%+v, nil)", text, got, err, want)
		}
		back, err := got.MarshalText()
		if err != nil || string(back) != text {
			t.Errorf("%s: got back (%q, %v), want the same text", text, back, err)
		}
	}
}

func TestRateRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "10", "/s", "10/", "10/d", "10/S", "10/sec", "0/s", "-1/s", "+1/s", "1.5/s", "1e3/s",
		" 10/s", "10/s ", "10 /s", "10/s/s", "1000001/s", "99999999999999999999/s", "00", "off",
	} {
		rate := limit.Rate{Events: 7, Per: time.Minute}
		err := rate.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), `got "`+text+`"`) {
			t.Errorf("%q: got error %v, want one that names the value", text, err)
		}
		if rate != (limit.Rate{Events: 7, Per: time.Minute}) {
			t.Errorf("%q: got %+v, want the rate unchanged", text, rate)
		}
	}
}

func TestRateWithoutText(t *testing.T) {
	t.Parallel()
	if text, err := (limit.Rate{Events: 1, Per: time.Millisecond}).MarshalText(); err == nil {
		t.Errorf("per millisecond: got %q, want an error", text)
	}
}

func FuzzRate(f *testing.F) {
	f.Add("10/s")
	f.Add("0")
	f.Fuzz(func(t *testing.T, text string) {
		var rate limit.Rate
		if rate.UnmarshalText([]byte(text)) != nil {
			return
		}
		back, err := rate.MarshalText()
		var again limit.Rate
		if err != nil || again.UnmarshalText(back) != nil || again != rate {
			t.Errorf("%q: got %+v, and %q back (%v)", text, rate, back, err)
		}
	})
}
