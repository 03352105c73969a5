package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"wsticket/internal/netcause"
	"wsticket/internal/pause"
)

// SignatureHeader is the header of a request with its time and signature.
const SignatureHeader = "Wsticket-Signature"

// Sign returns the value of [SignatureHeader] for a body that is sent at a time.
// The time is signed with it, so that a receiver can refuse an old request that
// somebody repeats.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(t + "."))
	_, _ = mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// batch is one body.
type batch struct {
	body   []byte
	events int
}

func newBatch(events [][]byte) batch {
	body := fmt.Appendf(nil, `{"id":%q,"events":[`, rand.Text())
	body = append(body, bytes.Join(events, []byte(","))...)
	return batch{append(body, "]}"...), len(events)}
}

// deliver sends a batch until the receiver takes it, and drops it after the last
// attempt. When ctx has ended, it tries once more. Requests go on until late ends.
func (h *Hook) deliver(ctx, late context.Context, b batch) {
	var cause string
	wait := firstPause
	for attempt := range Attempts {
		last := ctx.Err() != nil || attempt == Attempts-1
		cause = h.post(late, b.body)
		h.note(cause)
		if cause == "" || last {
			break
		}
		pause.About(ctx, wait)
		wait *= 2
	}
	h.count(b.events, cause == "")
}

// maxAnswer is how much of an answer is read, so that its connection can be used
// again.
const maxAnswer = 4 << 10

// post sends a body once, signed with the time of now. It returns why that
// failed, in words of ours, and nothing if the receiver has taken it.
func (h *Hook) post(ctx context.Context, body []byte) (cause string) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.o.URL, bytes.NewReader(body))
	if err != nil {
		return "the URL cannot be asked" // New has checked it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "wsticket")
	req.Header.Set(SignatureHeader, Sign(*h.secret.Load(), time.Now(), body))
	res, err := h.o.Client.Do(req)
	if err != nil {
		return netcause.Describe(err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "it answered " + strconv.Itoa(res.StatusCode)
	}
	return ""
}

// note logs when the receiver begins to fail, and when it is well again.
func (h *Hook) note(cause string) {
	switch failing := cause != ""; {
	case failing && !h.failing:
		h.o.Logger.Warn("the webhook does not take events", "cause", cause, "attempts", Attempts)
	case !failing && h.failing:
		h.o.Logger.Warn("the webhook takes events again", "dropped", h.Stats().Dropped)
	}
	h.failing = cause != ""
}
