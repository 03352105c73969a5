package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wsticket/ticket"
)

const (
	// feedSilence is how long a feed may be silent: the service writes every 15 s.
	feedSilence = 30 * time.Second
	// firstPause is the pause after a feed that has ended, which doubles up to maxPause
	// while none can be opened.
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Run follows the feed of endings until ctx ends, whatever happens to the service. While
// it cannot be reached, grants end by their time alone; what is revoked meanwhile ends
// when it is back. It returns [ErrKeyRefused] if the key is not accepted.
func (g *Guard) Run(ctx context.Context) error {
	cursor, pause := "", firstPause
	for ctx.Err() == nil {
		opened, err := g.follow(ctx, &cursor)
		switch {
		case errors.Is(err, ErrKeyRefused):
			return err
		case errors.Is(err, errGone):
			cursor = "" // all of what is kept is read again
		}
		if opened {
			pause = firstPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, maxPause)
	}
	return nil
}

// follow reads one feed to its end.
func (g *Guard) follow(ctx context.Context, cursor *string) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(feedSilence, cancel)
	defer silence.Stop()
	target := strings.TrimSuffix(g.url, "/consume") + "/endings"
	if *cursor != "" {
		target += "?since=" + url.QueryEscape(*cursor)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false, errUnreachable
	}
	req.Header.Set("Accept", "text/event-stream")
	if !g.key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+g.key.Reveal())
	}
	res, err := g.client.Do(req)
	if err != nil {
		return false, unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusGone {
		return false, errGone
	}
	if err := statusError(res.StatusCode); err != nil {
		return false, err
	}
	g.mu.Lock()
	g.open = true
	g.mu.Unlock()
	lines := bufio.NewScanner(res.Body) // a line has at most 64 KiB
	for name := ""; lines.Scan(); {
		silence.Reset(feedSilence)
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			*cursor = value
		case "data":
			g.apply(name, value)
		}
	}
	return true, nil
}

// apply applies an event. One that is not understood is from a later version.
func (g *Guard) apply(name, data string) {
	var e struct {
		ID     ticket.ID `json:"ticket_id"`
		Code   uint16    `json:"code"`
		Reason string    `json:"reason"`
		Until  time.Time `json:"connection_expires_at"`
	}
	if json.Unmarshal([]byte(data), &e) != nil {
		return
	}
	switch name {
	case "ended":
		g.end(e.ID, &EndedError{ticket.Ending{Code: e.Code, Reason: e.Reason}})
	case "renewed":
		g.until(e.ID, e.Until)
	}
}
